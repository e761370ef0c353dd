"""AWS JSON 1.1: one POST, the operation in X-Amz-Target, errors by name."""

import json

from . import principals, shapes, sigv4
from .errors import AwsError, JSON_TYPE, json_failure
from .http1 import Response


def no_repetitions(pairs):
    seen = {}
    for name, value in pairs:
        if name in seen:
            raise ValueError(f"the member {name} is there twice")
        seen[name] = value
    return seen


def no_constant(text):
    raise ValueError(f"{text} is not JSON")


class JsonService:
    def __init__(self, world, name, target, dialect, operations):
        self.world = world
        self.name = name
        self.target = target
        self.dialect = dialect
        self.operations = operations

    def identify(self, request):
        return (request.header("X-Amz-Target") or "").rpartition(".")[2] or "?"

    def perform(self, call):
        request = call.request
        state = self.world.state
        target = request.values("X-Amz-Target")
        operation = self.operations.get(call.operation)
        media = (request.header("Content-Type") or "").partition(";")[0].strip().lower()
        if (request.method != "POST" or request.target != "/" or operation is None
                or target != [f"{self.target}.{call.operation}"] or media != JSON_TYPE):
            raise AwsError("UnknownOperationException", "The operation is not known.")
        with state.look() as data:
            key_id = sigv4.verify(request, data["keys"].get, state.settings["region"], self.name,
                                  call.now(), state.settings["signatureWindow"])
            call.caller = principals.find_caller(state, key_id)
        given = self.read(request.body, state.settings["strict"])
        call.parameters = given
        checker = shapes.Checker(self.dialect, state.settings["strict"])
        checker.check(operation.shape, given)
        given = {name: value for name, value in given.items() if value is not None}
        self.check_registry(call, given)
        with state.look():
            for resource in operation.resources(self.world, given):
                principals.authorize(state, call.caller,
                                     operation.action or f"{self.name}:{call.operation}", resource)
        return self.answer(call, operation.handler(self.world, call, given))

    def check_registry(self, call, given):
        """Another account's registry: nobody here was let in by it."""
        other = given.get("registryId")
        if other is not None and other != self.world.state.settings["account"]:
            action = f"{self.name}:{call.operation}"
            raise AwsError("AccessDeniedException",
                           f"User: {call.caller.arn} is not authorized to perform: {action} on "
                           f"resource: arn:{self.world.state.partition()}:ecr:"
                           f"{self.world.state.settings['region']}:{other}:* because no "
                           f"resource-based policy allows the {action} action")

    @staticmethod
    def read(body, strict):
        try:
            given = json.loads(body, parse_constant=no_constant,
                               object_pairs_hook=no_repetitions if strict else None)
        except (ValueError, RecursionError) as error:
            raise shapes.serialization(f"the body is not JSON: {error}") from error
        if not isinstance(given, dict):
            raise shapes.serialization("the body is not a JSON object")
        return given

    @staticmethod
    def answer(call, output):
        return Response(200, [("x-amzn-RequestId", call.request_id),
                              ("Content-Type", JSON_TYPE)], json.dumps(output).encode())

    def failure(self, error, call, dressing):
        return json_failure(error, self.name, call.request_id, dressing)
