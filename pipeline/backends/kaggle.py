"""Download a Kaggle dataset as one zip, or one file of it. Kaggle's client logs in and gives a signed URL."""

import re
from dataclasses import replace

from pipeline.backends.base import Backend, Download, FetchError, describe
from pipeline.backends.http import download_over_http


class Kaggle(Backend):
    """The zip of a dataset, or one file of it."""

    form = "kaggle:owner/dataset or kaggle:owner/dataset/file"
    pattern = re.compile(r"kaggle:(?P<owner>[\w-]+)/(?P<dataset>[\w-]+)(?:/(?P<file>[^\x00-\x1f]+))?")
    client = "kagglesdk"
    extra = "kaggle"
    credentials = ("~/.kaggle/kaggle.json", "~/.kaggle/access_token", "$KAGGLE_API_TOKEN")
    how_to_log_in = (
        "make an account at kaggle.com, then Settings, API, Create New Token, and save it as ~/.kaggle/kaggle.json"
    )

    def page(self, url: str) -> str:
        at = self.parts(url)
        return f"https://www.kaggle.com/datasets/{at['owner']}/{at['dataset']}"

    def download(self, job: Download) -> None:
        import requests
        from kagglesdk import KaggleClient
        from kagglesdk.datasets.types.dataset_api_service import ApiDownloadDatasetRequest

        at = self.parts(job.url)
        request = ApiDownloadDatasetRequest()
        request.owner_slug, request.dataset_slug = at["owner"], at["dataset"]
        if at["file"]:
            request.file_name = at["file"]
        try:
            with KaggleClient().datasets.dataset_api_client.download_dataset(request) as response:
                url = response.url  # where Kaggle redirects to: signed, valid for some minutes
        except requests.RequestException as error:
            raise FetchError(
                f"{job.where}: {describe(error)}; check that the page {self.page(job.url)} exists, and accept its"
                " terms with the account of your token"
            ) from None
        download_over_http(replace(job, url=url, manifest_url=job.url))
