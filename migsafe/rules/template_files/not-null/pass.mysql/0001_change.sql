UPDATE @table|note@ SET @column|body@ = '' WHERE @column|body@ IS NULL;
ALTER TABLE @table|note@ MODIFY @column|body@ VARCHAR(40) NOT NULL;
