-- Never edit this file: databases remember its checksum.

-- Limits that the sandboxes of an agent are to have, below those of the host: a JSON object of
-- numbers. A session keeps what holds for it with its options.
ALTER TABLE agents ADD COLUMN limits TEXT NOT NULL DEFAULT '{}';
