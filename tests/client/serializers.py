"""What schemathesis is told of the bodies that it does not know: an archive is bytes to it."""

import schemathesis

schemathesis.serializer.alias("application/x-tar", "application/octet-stream")
