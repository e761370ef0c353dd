"""botocore as an independent client of the stand-in, and its service model as the judge.

Every answer that botocore gets is compared, as it came, with the model: members that the model
does not have, wrong types, broken constraints and errors of unknown names are collected.
"""

import base64
import json
import re
import xml.etree.ElementTree

import botocore.config
import botocore.session

from standin import OPERATOR, REGION

# Errors that every AWS service may give without modelling them.
COMMON_ERRORS = {
    "AccessDeniedException", "UnrecognizedClientException", "InvalidSignatureException",
    "ExpiredTokenException", "MissingAuthenticationTokenException", "IncompleteSignatureException",
    "ThrottlingException", "UnknownOperationException", "SerializationException",
    "ValidationException", "AccessDenied", "InvalidClientTokenId", "SignatureDoesNotMatch",
    "ExpiredToken", "MissingAuthenticationToken", "Throttling", "ValidationError",
    "MalformedInput", "MalformedQueryString", "InvalidAction", "InternalFailure",
}
# Terraform takes it from DescribeRepositoryCreationTemplates too, where the model has none.
COMMON_ERRORS.add("TemplateNotFoundException")

# The model wants 1 to 100 items, in a type that requests share; AWS answers an empty list, and as
# many as maxResults (1 to 1,000) asks for.
OF_ANY_SIZE = {"ListImages.imageIds"}


class Judge:
    """Compares values with shapes; `faults` is what did not fit."""

    def __init__(self):
        self.faults = []

    def say(self, path, text):
        self.faults.append(f"{path}: {text}")

    def check(self, shape, value, path):
        kind = shape.type_name
        if kind == "structure":
            self.structure(shape, value, path)
        elif kind == "list":
            self.collection(shape, value, path)
        elif kind == "map":
            if not isinstance(value, dict):
                self.say(path, "not a map")
                return
            for key, item in value.items():
                self.check(shape.key, key, f"{path}{{}}")
                self.check(shape.value, item, f"{path}{{{key}}}")
        else:
            self.scalar(shape, value, path)

    def structure(self, shape, value, path):
        if not isinstance(value, dict):
            self.say(path, "not a structure")
            return
        for name in shape.required_members:
            if name not in value:
                self.say(path, f"{name} is required")
        for name, item in value.items():
            if name in shape.members:
                self.check(shape.members[name], item, f"{path}.{name}")
            else:
                self.say(path, f"{shape.name} has no member {name}")

    def collection(self, shape, value, path):
        if not isinstance(value, list):
            self.say(path, "not a list")
            return
        if path not in OF_ANY_SIZE:
            self.size(shape, len(value), path)
        for at, item in enumerate(value):
            self.check(shape.member, item, f"{path}[{at}]")

    def size(self, shape, size, path):
        if not shape.metadata.get("min", 0) <= size <= shape.metadata.get("max", size):
            self.say(path, f"{size} is out of range")

    def scalar(self, shape, value, path):
        kind = shape.type_name
        good = {"string": lambda: isinstance(value, str),
                "blob": lambda: isinstance(value, str) and base64.b64decode(value, validate=True),
                "boolean": lambda: isinstance(value, bool),
                "integer": lambda: type(value) is int, "long": lambda: type(value) is int,
                "timestamp": lambda: type(value) in (int, float)}[kind]
        if not good():
            self.say(path, f"{value!r} is no {kind}")
        elif kind == "string":
            self.size(shape, len(value), path)
            if shape.enum and value not in shape.enum:
                self.say(path, f"{value!r} is not in the enumeration")
            pattern = shape.metadata.get("pattern")
            if pattern and not re.fullmatch(pattern, value, re.ASCII):
                self.say(path, f"{value!r} does not match {pattern}")

    def xml(self, shape, element, path):
        """The same for the XML of the query protocol, where every scalar is text."""
        seen = {}
        for child in element:
            name = child.tag.partition("}")[2] or child.tag
            member = shape.members.get(name)
            if member is None:
                self.say(path, f"{shape.name} has no member {name}")
            elif member.type_name == "structure":
                seen[name] = {}
                self.xml(member, child, f"{path}.{name}")
            elif member.type_name == "timestamp":
                seen[name] = child.text
                if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", child.text or ""):
                    self.say(f"{path}.{name}", f"{child.text!r} is not a timestamp")
            else:
                seen[name] = child.text
                value = int(child.text) if member.type_name == "integer" else child.text or ""
                self.check(member, value, f"{path}.{name}")
        for name in shape.required_members:
            if name not in seen:
                self.say(path, f"{name} is required")

    def answer(self, operation_model, response_dict, **_):
        """What botocore calls before it parses an answer."""
        path = operation_model.name
        headers = {name.lower(): value for name, value in response_dict["headers"].items()}
        if "x-amzn-requestid" not in headers or "date" not in headers:
            self.say(path, "no request id or no date")
        if operation_model.service_model.metadata["protocol"] == "query":
            self.xml_answer(operation_model, response_dict, path)
            return
        media = {"rest-json": "application/json"}
        if headers.get("content-type") != media.get(
                operation_model.service_model.metadata["protocol"], "application/x-amz-json-1.1"):
            self.say(path, "wrong content type")
        body = json.loads(response_dict["body"])
        if response_dict["status_code"] < 300:
            self.check(operation_model.output_shape, body, path)
            return
        code = body.pop("__type", None)
        modelled = {shape.name: shape for shape in operation_model.error_shapes}
        if code in modelled:
            self.check(modelled[code], body, f"{path} {code}")
        elif code not in COMMON_ERRORS or not {name.lower() for name in body} == {"message"}:
            self.say(path, f"the model has no error {code} with {sorted(body)}")

    def xml_answer(self, operation_model, response_dict, path):
        root = xml.etree.ElementTree.fromstring(response_dict["body"])
        space = "{" + operation_model.metadata["xmlNamespace"] + "}"
        if response_dict["status_code"] < 300:
            result = root.find(space + operation_model.output_shape.serialization["resultWrapper"])
            if root.tag != f"{space}{operation_model.name}Response" or result is None:
                self.say(path, "wrong elements")
            else:
                self.xml(operation_model.output_shape, result, path)
            return
        code = root.findtext(f"{space}Error/{space}Code")
        modelled = {shape.metadata.get("error", {}).get("code", shape.name):
                    shape.metadata.get("error", {}).get("httpStatusCode", 400)
                    for shape in operation_model.error_shapes}
        if code not in COMMON_ERRORS and modelled.get(code) != response_dict["status_code"]:
            self.say(path, f"the model has no error {code} with {response_dict['status_code']}")


class Clients:
    """botocore clients for one stand-in; `judge` has looked at every answer they got."""

    def __init__(self, url, verify=None):
        self.url = url
        self.verify = verify
        self.judge = Judge()
        self.made = {}
        self.session = botocore.session.Session()
        self.session.register("before-parse", self.judge.answer)

    def __call__(self, service, credentials=OPERATOR, **config):
        key = service, credentials, tuple(sorted(config.items()))
        if key not in self.made:
            region = config.pop("region", REGION)
            config.setdefault("retries", {"total_max_attempts": 1})
            config.setdefault("parameter_validation", False)
            token = credentials[2] if credentials and len(credentials) > 2 else None
            self.made[key] = self.session.create_client(
                service, region_name=region, endpoint_url=self.url, verify=self.verify,
                aws_access_key_id=credentials[0], aws_secret_access_key=credentials[1],
                aws_session_token=token, config=botocore.config.Config(**config))
        return self.made[key]
