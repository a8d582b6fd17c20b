SET lock_timeout = '2s';
ALTER TABLE @table|note@ ADD CONSTRAINT @table|note@_@column|body@_check CHECK (@column|body@ <> '') NOT VALID;
