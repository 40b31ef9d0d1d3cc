"""Verbs about the program itself: env, completion."""

from typing import Annotated, Any, Literal

from cyclopts import Parameter

from vivi.cli.app import app


@app.command
def env(*, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Print versions, GPUs and installed extras, for a report of a bug; no paths and no names of users or machines.

    vivi env
    vivi env --json

    Parameters
    ----------
    json
        Print JSON.
    """
    from vivi.api import env as environment
    from vivi.console.env import show_environment

    show_environment(environment(), json=json)


@app.command
def completion(shell: Literal["bash", "zsh", "fish"]) -> None:
    """Print a script with which a shell completes verbs and flags.

    vivi completion bash > ~/.local/share/bash-completion/completions/vivi
    vivi completion zsh > ~/.zfunc/_vivi
    vivi completion fish > ~/.config/fish/completions/vivi.fish

    Parameters
    ----------
    shell
        bash, zsh or fish. For zsh the folder of the file must be in fpath.
    """
    asked: dict[str, Any] = {"prog_name": "vivi", "shell": shell}  # the shell is a name here, none is started
    print(app.generate_completion(**asked))
