"""Download an object of an S3 bucket. boto3 signs its URL if there is a login; the rest is an HTTP download."""

import re
from dataclasses import replace
from urllib.parse import quote, urlsplit

from pipeline.backends.base import Backend, Download, FetchError
from pipeline.backends.http import download_over_http


class S3(Backend):
    """An object. Without a login (as for the aws command) the bucket must be public."""

    form = "s3://bucket/key"
    pattern = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]+)/(?P<key>[^\x00-\x1f]+)")
    client = "boto3"
    extra = "s3"

    def page(self, url: str) -> str:
        at = self.parts(url)
        return f"https://{at['bucket']}.s3.amazonaws.com/{quote(at['key'])}"

    def download(self, job: Download) -> None:
        import boto3
        import botocore.exceptions
        from botocore import UNSIGNED
        from botocore.config import Config

        at = self.parts(job.url)
        target = {"Bucket": at["bucket"], "Key": at["key"]}
        login = None
        try:
            session = boto3.Session()
            login = session.get_credentials()
            client = session.client("s3", config=None if login else Config(signature_version=UNSIGNED))
            size = client.head_object(**target)["ContentLength"]  # also finds the region of the bucket
            url = client.generate_presigned_url("get_object", Params=target, ExpiresIn=24 * 3600)
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
            who = "with the login of aws" if login else "without a login (save one as for aws: ~/.aws/credentials)"
            raise FetchError(
                f"{job.where}: {type(error).__name__}: {error}, {who}; correct `url` in the manifest, or request access"
            ) from None
        if urlsplit(url).scheme not in ("http", "https"):
            raise FetchError(f"{job.where}: boto3 gave no http(s) URL for it; check the settings of aws")
        download_over_http(replace(job, url=url, manifest_url=job.url, bytes=job.bytes or size))
