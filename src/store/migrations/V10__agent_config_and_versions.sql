-- Never edit this file: databases remember its checksum.

-- What an agent presets for its sessions, a JSON object; and the highest number that one of its versions
-- ever had: `version` is the active one.
ALTER TABLE agents ADD COLUMN config TEXT NOT NULL DEFAULT '{}';
ALTER TABLE agents ADD COLUMN last_version INTEGER NOT NULL DEFAULT 0;
UPDATE agents SET last_version =
    max(version, coalesce((SELECT max(v.version) FROM agent_versions v WHERE v.agent = id), 0));

-- What is told of a version. `knowledge_files` is a JSON list of texts; `updated_at` is of these words:
-- the files never change.
ALTER TABLE agent_versions ADD COLUMN id TEXT NOT NULL DEFAULT '';
ALTER TABLE agent_versions ADD COLUMN name TEXT;
ALTER TABLE agent_versions ADD COLUMN system_prompt TEXT;
ALTER TABLE agent_versions ADD COLUMN release_notes TEXT;
ALTER TABLE agent_versions ADD COLUMN knowledge_files TEXT NOT NULL DEFAULT '[]';
ALTER TABLE agent_versions ADD COLUMN created_by TEXT;
ALTER TABLE agent_versions ADD COLUMN updated_at INTEGER NOT NULL DEFAULT 0;
UPDATE agent_versions SET updated_at = created_at, id = lower(
    hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-a'
    || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)));
CREATE UNIQUE INDEX agent_versions_by_id ON agent_versions (id);
