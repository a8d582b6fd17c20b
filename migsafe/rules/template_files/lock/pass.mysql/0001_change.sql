SET SESSION lock_wait_timeout = 2;
ALTER TABLE @table|note@ ADD COLUMN written_at INT, ALGORITHM=INSTANT;
