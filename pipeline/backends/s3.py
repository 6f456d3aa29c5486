"""An object of an S3 bucket: boto3 signs its URL, if there is a login, and the download is as of any URL."""

from dataclasses import replace
from urllib.parse import urlsplit

from pipeline.backends.http import Download, FetchError, download
from pipeline.backends.source_url import parts


def s3(job: Download) -> None:
    """The object; without a login the bucket must be public."""
    import boto3
    import botocore.exceptions
    from botocore import UNSIGNED
    from botocore.config import Config

    where = parts(job.url)
    target = {"Bucket": where["bucket"], "Key": where["key"]}
    try:
        session = boto3.Session()
        login = session.get_credentials()
        client = session.client("s3", config=None if login else Config(signature_version=UNSIGNED))
        size = client.head_object(**target)["ContentLength"]  # follows the bucket to its region
        url = client.generate_presigned_url("get_object", Params=target, ExpiresIn=24 * 3600)
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        who = "with the login of aws" if login else "without a login (keep one as for aws: ~/.aws/credentials)"
        raise FetchError(f"{job.where}: {type(error).__name__}: {error}, {who}; correct `url`, or get access") from None
    if urlsplit(url).scheme not in ("http", "https"):
        raise FetchError(f"{job.where}: no web address for it")
    download(replace(job, url=url, address=job.url, bytes=job.bytes or size))
