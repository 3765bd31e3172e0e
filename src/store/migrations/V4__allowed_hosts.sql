-- Never edit this file: databases remember its checksum.

-- The hosts that a sandbox may reach beside the model: a JSON list of texts. A session keeps what
-- its agent had when it was created.
ALTER TABLE agents ADD COLUMN allowed_hosts TEXT NOT NULL DEFAULT '[]';
ALTER TABLE sessions ADD COLUMN allowed_hosts TEXT NOT NULL DEFAULT '[]';
