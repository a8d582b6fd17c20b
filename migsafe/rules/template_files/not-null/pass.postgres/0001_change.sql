UPDATE @table|note@ SET @column|body@ = '' WHERE @column|body@ IS NULL;
ALTER TABLE @table|note@ ALTER COLUMN @column|body@ SET NOT NULL;
