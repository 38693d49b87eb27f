-- +goose Up

-- Access tokens are signed with a key that is made of this one and of what is known
-- of the client's secret: neither a copy of the database nor the file of clients
-- alone is enough to forge one. All services on the database share it, and a token
-- outlives a restart. Another row in its place ends all tokens.
CREATE TABLE mirror.token_key (
    one boolean NOT NULL DEFAULT true PRIMARY KEY CHECK (one),
    key bytea   NOT NULL CHECK (length(key) >= 32)
);
COMMENT ON TABLE  mirror.token_key     IS 'What the access tokens of API clients are signed with, together with what is known of the client''s secret.';
COMMENT ON COLUMN mirror.token_key.one IS 'There is one row.';
COMMENT ON COLUMN mirror.token_key.key IS 'Random.';

-- Two random UUIDs have 244 random bits.
INSERT INTO mirror.token_key (key)
SELECT sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8'));

-- +goose Down

DROP TABLE mirror.token_key;
