"""Run the image of an archive, ask it a review, and print the answer and what it holds:
try_image.py ARCHIVE. Called by hack/image.sh --try."""

import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "it"))

from certificates import Certificates  # noqa: E402
from container import NATIVE, Archive, Runtime, why_not  # noqa: E402
from measure import (  # noqa: E402
    process_status, resident_mib, start_aws, start_with_passes)
from service import Services, run, sample  # noqa: E402


def show_answer(service):
    answer = service.mutate(sample("create-pod"))
    print(f"  POST https://127.0.0.1:{service.webhook_port}/mutate: allowed, uid {answer.uid}")
    for place, image in answer.images().items():
        print(f"    {place} -> {image}")


def show_privileges(pid):
    status = process_status(pid)
    print(f"  runs as uid {status['Uid'].split()[0]}, capabilities {status['CapEff']}, "
          f"no new privileges {status['NoNewPrivs']}, seccomp {status['Seccomp']}, "
          f"{status['Threads']} threads, read-only root")


def show(runtime, services):
    service = services.start()
    if runtime.archive.architecture != NATIVE:
        show_answer(service)
        return
    pid = runtime.pid(service.process)
    show_privileges(pid)
    print(f"  memory after the start: {resident_mib(pid):.1f} MiB")
    show_answer(service)
    print(f"  memory after a review: {resident_mib(pid):.1f} MiB")
    aws = start_aws(runtime, services.certs)
    try:
        service = start_with_passes(services, aws)
        print(f"  memory after a pass: {resident_mib(runtime.pid(service.process)):.1f} MiB")
    finally:
        aws.stop()


def main():
    archive = Archive(sys.argv[1])
    reason = why_not(archive.architecture)
    if reason:
        print(f"skipped: {reason}")
        return 0
    with tempfile.TemporaryDirectory(prefix="pullthrough-image.") as name:
        folder = pathlib.Path(name)
        (folder / "image").mkdir()
        (folder / "certificates").mkdir()
        (folder / "services").mkdir()
        runtime = Runtime(archive, folder / "image")
        services = Services(runtime.program, Certificates(folder / "certificates"),
                            folder / "services")
        try:
            print("  " + run(runtime.program, "version").stdout.decode().splitlines()[0])
            show(runtime, services)
            services.end()
        finally:
            runtime.end()
    return 0


sys.exit(main())
