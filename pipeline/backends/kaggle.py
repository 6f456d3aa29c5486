"""A Kaggle dataset, whole as one zip or one file of it: Kaggle's client logs in and asks where it is."""

from dataclasses import replace

import requests

from pipeline.backends.http import Download, FetchError, download, reason
from pipeline.backends.source_url import parts


def kaggle(job: Download) -> None:
    """The dataset's zip, or its file; the login is that of ~/.kaggle or $KAGGLE_API_TOKEN."""
    from kagglesdk import KaggleClient
    from kagglesdk.datasets.types.dataset_api_service import ApiDownloadDatasetRequest

    where = parts(job.url)
    wanted = ApiDownloadDatasetRequest()
    wanted.owner_slug, wanted.dataset_slug = where["owner"], where["dataset"]
    if where["file"]:
        wanted.file_name = where["file"]
    try:
        with KaggleClient().datasets.dataset_api_client.download_dataset(wanted) as answer:
            url = answer.url  # where Kaggle's answer leads: signed, for some minutes
    except requests.RequestException as error:
        raise FetchError(
            f"{job.where}: {reason(error)}; look whether the page https://www.kaggle.com/datasets/"
            f"{where['owner']}/{where['dataset']} is there, and accept its terms with the account of your token"
        ) from None
    download(replace(job, url=url, address=job.url))
