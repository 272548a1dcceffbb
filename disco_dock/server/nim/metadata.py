"""What NVIDIA's containers tell of themselves, so that clients that look before they dock go on.

Fields of `GET /v1/metadata`: docs.nvidia.com/nim, API reference of the containers; `/v1/models` is a list in OpenAI's
form. Licence and model are this program's own, and what a container has beyond it is empty.
"""

from __future__ import annotations

from pydantic import BaseModel, Field

NAME = "disco-dock"


class License(BaseModel):
    """The licence of the program."""

    name: str = "MIT"
    path: str = ""
    sha: str = ""
    size: int = 0
    url: str = "https://opensource.org/license/mit"
    type: str = "file"
    content: str = ""


class ModelInfo(BaseModel):
    """A model that is served."""

    shortName: str = NAME  # noqa: N815 - the interface's spelling
    modelUrl: str = ""  # noqa: N815


class NimMetadata(BaseModel):
    """Version, model and licence."""

    version: str
    assetInfo: list[str] = []  # noqa: N815
    licenseInfo: License = Field(default_factory=License)  # noqa: N815
    modelInfo: list[ModelInfo] = Field(default_factory=lambda: [ModelInfo()])  # noqa: N815
    repository_override: str = ""
    selectedModelProfileId: str = ""  # noqa: N815


class NimModel(BaseModel):
    """An entry of the list of models."""

    id: str = NAME
    object: str = "model"
    owned_by: str = NAME


class NimModels(BaseModel):
    """The list of models."""

    object: str = "list"
    data: list[NimModel] = Field(default_factory=lambda: [NimModel()])


class NimVersion(BaseModel):
    """Versions of the program and of NVIDIA's interface."""

    release: str
    api: str = "2.3.0"
