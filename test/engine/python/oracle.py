"""What pip and its packaging library make of the cases on standard input: JSON in, JSON out."""
import json, os, sys, tempfile, types

from pip._vendor.packaging.markers import Marker, InvalidMarker, UndefinedComparison, default_environment
from pip._vendor.packaging.requirements import InvalidRequirement, Requirement
from pip._vendor.packaging.specifiers import InvalidSpecifier, SpecifierSet
from pip._vendor.packaging.tags import sys_tags
from pip._vendor.packaging.utils import parse_sdist_filename, parse_wheel_filename
from pip._vendor.packaging.version import InvalidVersion, Version


def attempt(function, *errors):
    try:
        return function()
    except errors:
        return None


def version(text):
    return attempt(lambda: str(Version(text)), InvalidVersion)


def order(pair):
    a, b = Version(pair[0]), Version(pair[1])
    return (a > b) - (a < b)


def contains(case):
    spec, text, prereleases = case
    try:  # packaging stumbles over === with a text that is no version when it looks for pre-releases in it
        SpecifierSet(spec).prereleases
    except InvalidVersion:
        return "stumbles"
    except InvalidSpecifier:
        return None
    return attempt(lambda: SpecifierSet(spec).contains(Version(text), prereleases=prereleases), InvalidSpecifier)


def choose(case):
    spec, versions = case
    return list(map(str, SpecifierSet(spec).filter(map(Version, versions))))


def marker(case):
    text, environment = case
    try:
        return Marker(text).evaluate(environment)
    except InvalidMarker:
        return None
    except (UndefinedComparison, InvalidVersion):
        return "undefined"


def requirement(text):
    def parse():
        found = Requirement(text)
        return {"name": found.name, "extras": sorted(found.extras), "specifier": str(found.specifier), "url": found.url,
                "marker": str(found.marker) if found.marker else None}
    return attempt(parse, InvalidRequirement, InvalidSpecifier)


def wheel(filename):
    def parse():
        name, number, build, tags = parse_wheel_filename(filename)
        return [name, str(number), list(build), sorted(map(str, tags))]
    return attempt(parse, ValueError)


def sdist(filename):
    return attempt(lambda: list(map(str, parse_sdist_filename(filename))), ValueError)


class Finder:
    def __init__(self):
        from pip._internal.models.format_control import FormatControl
        self.find_links, self.index_urls, self.format_control = [], ["default"], FormatControl()
        self.search_scope = types.SimpleNamespace(no_index=False)
        self.pre = self.binary = False

    def __setattr__(self, name, value):
        super().__setattr__(name, value)
        if name == "search_scope" and hasattr(value, "index_urls"):
            super().__setattr__("index_urls", value.index_urls)
            super().__setattr__("find_links", value.find_links)

    def set_allow_all_prereleases(self):
        self.pre = True

    def set_prefer_binary(self):
        self.binary = True


def describe(parsed):
    from pip._internal.req.constructors import install_req_from_parsed_requirement
    found = install_req_from_parsed_requirement(parsed)
    link = found.link
    hashes = [f"{name}:{value}" for name, values in found.hash_options.items() for value in values]
    return {
        "name": found.name, "extras": sorted(found.extras), "editable": found.editable, "constraint": found.constraint,
        "specifier": str(found.req.specifier) if found.req and not link else "",
        "marker": str(found.markers) if found.markers else None,
        "hashes": hashes + ([f"{link.hash_name}:{link.hash}"] if link and link.hash else []),
        "settings": (parsed.options or {}).get("config_settings") or {}, "global": found.global_options,
        "url": link.url_without_fragment if link and link.scheme != "file" else None,
        "path": os.path.relpath(link.file_path) if link and link.scheme == "file" else None,
        "subdirectory": link.subdirectory_fragment if link else None,
        "line": int(parsed.comes_from.rstrip(")").rsplit("line ", 1)[1]),
    }


def requirement_files(files):
    import logging
    from pip._internal.req.req_file import parse_requirements
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name, text in files.items():
            os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
            with open(name, "wb") as file:
                file.write(text.encode("utf-8", "surrogatepass"))
        for name in ("local", "src/pkg", "two words"):
            os.makedirs(name, exist_ok=True)
            open(f"{name}/setup.py", "w").close()
        finder, options = Finder(), types.SimpleNamespace(require_hashes=False, features_enabled=[])
        try:
            found = [describe(item) for item in parse_requirements("r.txt", session=None, finder=finder, options=options)]
        except Exception as error:
            return {"error": f"{type(error).__name__}: {error}"}
        finally:
            os.chdir("/")
        control = finder.format_control
        return {"requirements": found, "pre": finder.pre, "binary": finder.binary, "noIndex": finder.search_scope.no_index,
                "indexes": finder.index_urls, "links": [os.path.relpath(link, folder) if link.startswith("/") else link for link in finder.find_links],
                "noBinary": sorted(control.no_binary), "onlyBinary": sorted(control.only_binary), "hashes": options.require_hashes}


cases = json.load(sys.stdin)
answers = {"environment": default_environment(), "tags": list(map(str, sys_tags()))}
table = {"version": version, "order": order, "contains": contains, "choose": choose, "marker": marker, "requirement": requirement,
         "wheel": wheel, "sdist": sdist, "files": requirement_files}
for kind, items in cases.items():
    answers[kind] = [table[kind](item) for item in items]
json.dump(answers, sys.stdout)
