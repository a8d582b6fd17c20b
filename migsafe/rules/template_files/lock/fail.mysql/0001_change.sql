ALTER TABLE @table|note@ MODIFY @column|body@ INT; -- expect: @hazard@
