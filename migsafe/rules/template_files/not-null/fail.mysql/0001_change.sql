ALTER TABLE @table|note@ MODIFY @column|body@ VARCHAR(40) NOT NULL; -- expect: @hazard@
