"""Builds ``stream/core/compiled_loops`` where there is a C compiler. Without one the program is complete as well, and slower."""

from pathlib import Path
from typing import Any

from Cython.Build import cythonize
from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from setuptools import Distribution, Extension

NAME = "stream.core.compiled_loops"


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]  # hatchling looks it up by this name
    """Compiles in place, as an editable installation needs it; a wheel takes the file from there."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before a wheel is put together, an editable one, too."""
        root = Path(self.root)
        source = NAME.replace(".", "/") + ".pyx"
        built = root / ".cache" / "compiled"
        extensions = cythonize([Extension(NAME, [source])], build_dir=str(built), quiet=True)
        for extension in extensions:
            extension.optional = True  # no compiler, or one that fails: it is said, and is no error
        command = Distribution({"name": "compiled", "ext_modules": extensions}).get_command_obj("build_ext")
        command.ensure_finalized()
        command.build_lib = str(root)
        command.build_temp = str(built)
        library = Path(command.get_ext_fullpath(NAME))
        library.unlink(missing_ok=True)  # one of older sources is worse than none
        command.run()
        if library.is_file():
            build_data["artifacts"].append(f"/{library.relative_to(root)}")
            build_data["pure_python"] = False
            build_data["infer_tag"] = True
