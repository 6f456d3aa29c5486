"""Download a file of Synapse with its client, which checks the MD5 that Synapse publishes."""

import re
import shutil
from pathlib import Path

from pipeline.backends.base import Backend, Download, FetchError


class Synapse(Backend):
    """The file of an entity, of its newest version or a given one."""

    form = "synapse:syn123 or synapse:syn123.version"
    pattern = re.compile(r"synapse:(?P<id>syn\d+)(?:\.(?P<version>\d+))?")
    client = "synapseclient"
    extra = "synapse"
    credentials = ("~/.synapseConfig", "$SYNAPSE_AUTH_TOKEN")
    how_to_log_in = (
        "make an account at synapse.org, accept the data's terms there, make a personal access token with view and"
        " download, and save it in ~/.synapseConfig"
    )

    def page(self, url: str) -> str:
        return f"https://repo-prod.prod.sagebase.org/repo/v1/entity/{self.parts(url)['id']}"

    def download(self, job: Download) -> None:
        import synapseclient
        from synapseclient.core import exceptions

        if job.size():  # complete: the client writes under another name until it has all bytes
            return
        at = self.parts(job.url)
        folder = job.part.with_name(".synapse")
        folder.mkdir(exist_ok=True)
        page = f"https://www.synapse.org/Synapse:{at['id']}"
        try:
            client = synapseclient.Synapse(silent=True, skip_checks=True, cache_root_dir=str(folder))
            client.login(silent=True)
            entity = client.get(
                at["id"],
                version=int(at["version"]) if at["version"] else None,
                downloadLocation=str(folder / "file"),
                ifcollision="overwrite.local",
            )
        except exceptions.SynapseError as error:
            first_line = str(error).partition("\n")[0]
            raise FetchError(
                f"{job.where}: {type(error).__name__}: {first_line}; log in at {page}, accept the terms"
            ) from None
        if not getattr(entity, "path", None):
            raise FetchError(
                f"{job.where}: it is not a file, or you have no permission to download it yet; accept the terms on"
                f" {page}"
            )
        Path(entity.path).replace(job.part)
        shutil.rmtree(folder)
