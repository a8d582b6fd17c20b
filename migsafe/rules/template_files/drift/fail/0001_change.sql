ALTER TABLE @table|note@ ADD COLUMN @column|body@ VARCHAR(40); -- expect: @hazard@
