"""Prints what wheels and byte code depend on, as one line of JSON."""
import importlib.util
import json
import os
import platform
import sys
import sysconfig


def implementation_version():
    info = sys.implementation.version
    version = "{0.major}.{0.minor}.{0.micro}".format(info)
    return version if info.releaselevel == "final" else version + info.releaselevel[0] + str(info.serial)


def supported_tags():
    try:
        from pip._vendor.packaging import tags
    except Exception:
        try:
            from packaging import tags
        except Exception:
            return None
    return [str(tag) for tag in tags.sys_tags()]


def pip_version():
    try:
        import pip
    except Exception:
        return None
    return pip.__version__


def default_index():
    """What this image's pip asks when nothing else is said: its configuration, else its own default."""
    try:
        import pip
    except ImportError:
        # Every Python carries a pip for new environments, unless the distribution took it away.
        try:
            import ensurepip
            bundled = os.path.join(os.path.dirname(ensurepip.__file__), "_bundled")
            sys.path.append(os.path.join(bundled, next(name for name in os.listdir(bundled) if name.startswith("pip-"))))
            import pip
        except Exception:
            return None
    try:
        from pip._internal.configuration import Configuration
        configuration = Configuration(isolated=False)
        configuration.load()
        return configuration.get_value("global.index-url")
    except Exception:
        pass
    try:
        from pip._internal.models.index import PyPI
        return PyPI.simple_url
    except Exception:
        return None


print("wheelwright-facts python " + json.dumps({
    "executable": sys.executable,
    "version": platform.python_version(),
    "implementation": sys.implementation.name,
    "soabi": sysconfig.get_config_var("SOABI") or "",
    "magic": importlib.util.MAGIC_NUMBER.hex(),
    "freeThreaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    "markers": {
        "implementation_name": sys.implementation.name,
        "implementation_version": implementation_version(),
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        # Of the kernel that happens to run, not of the image: machines must agree on keys.
        "platform_release": "",
        "platform_system": platform.system(),
        "platform_version": "",
        "python_full_version": platform.python_version(),
        "python_version": ".".join(platform.python_version_tuple()[:2]),
        "sys_platform": sys.platform,
    },
    "tags": supported_tags(),
    "pip": pip_version(),
    "index": default_index(),
}))
