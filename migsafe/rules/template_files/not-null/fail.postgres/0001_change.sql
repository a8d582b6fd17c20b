ALTER TABLE @table|note@ ALTER COLUMN @column|body@ SET NOT NULL; -- expect: @hazard@
