"""What a comparison needs before it can begin: the peers' Python, and a word on the machine. Standard library only."""
import os
import platform
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
VENV, REQUIREMENTS = HERE / ".venv", HERE / "requirements.txt"


def pins():
    lines = (line.strip() for line in REQUIREMENTS.read_text().splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def installed(python):
    """The pins that this Python satisfies."""
    script = "import importlib.metadata as m; print(*(f'{d.name}=={d.version}'.lower() for d in m.distributions()))"
    done = subprocess.run([python, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.replace("_", "-").split())


def peers_python(say):
    """The Python that holds the peers, and what could not be installed, as sentences.

    All pins go in together; where that fails each goes in alone, so that one missing wheel costs one peer.
    """
    python = VENV / "bin" / "python"
    if not python.exists():
        say("making the peers' environment")
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
    missing = [pin for pin in pins() if pin.lower().replace("_", "-") not in installed(python)]
    if not missing:
        return python, []
    say(f"installing {len(missing)} packages")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]
    if subprocess.run([*pip, "-r", REQUIREMENTS], check=False).returncode == 0:
        return python, []
    failed = [pin for pin in missing if subprocess.run([*pip, pin], check=False).returncode != 0]
    return python, [f"{pin} could not be installed." for pin in failed]


def machine():
    """Processor, memory, system and the load before the first round, in one sentence."""
    names = [line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
             if line.startswith("model name")]
    memory_gb = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    kernel = ".".join(platform.release().split(".")[:2])
    return (f"{len(names)} × {names[0] if names else platform.machine()}, {memory_gb:.0f} GB, Linux {kernel}, "
            f"Python {platform.python_version()}; load over 1, 5 and 15 minutes as it began: {load}")
