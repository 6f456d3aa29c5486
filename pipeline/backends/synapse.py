"""A file of Synapse, by its client, which checks the MD5 that Synapse keeps."""

import shutil
from pathlib import Path

from pipeline.backends.http import Download, FetchError
from pipeline.backends.source_url import parts


def synapse(job: Download) -> None:
    """The file of an entity; the login is that of ~/.synapseConfig or $SYNAPSE_AUTH_TOKEN."""
    import synapseclient
    from synapseclient.core import exceptions

    if job.have():  # whole: the client gives a file its name when all is there
        return
    where = parts(job.url)
    folder = job.part.with_name(".synapse")
    folder.mkdir(exist_ok=True)
    try:
        client = synapseclient.Synapse(silent=True, skip_checks=True, cache_root_dir=str(folder))
        client.login(silent=True)
        version = int(where["version"]) if where["version"] else None
        entity = client.get(
            where["id"], version=version, downloadLocation=str(folder / "file"), ifcollision="overwrite.local"
        )
    except exceptions.SynapseError as error:
        page = f"https://www.synapse.org/Synapse:{where['id']}"
        raise FetchError(
            f"{job.where}: {type(error).__name__}: {str(error).splitlines()[0]}; log in at {page}, accept the terms"
        ) from None
    if not getattr(entity, "path", None):
        raise FetchError(f"{job.where}: is no file, or one that you may not download yet; accept the terms on its page")
    Path(entity.path).replace(job.part)
    shutil.rmtree(folder)
