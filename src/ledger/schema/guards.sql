-- The record can't be changed or deleted, by any tool. The insert triggers are against REPLACE, which deletes
-- without asking the delete triggers where recursive_triggers is off.

CREATE TRIGGER epoch_kept_update BEFORE UPDATE ON epoch
BEGIN SELECT raise(ABORT, 'what is on record is never changed'); END;
CREATE TRIGGER epoch_kept_delete BEFORE DELETE ON epoch
BEGIN SELECT raise(ABORT, 'what is on record is never deleted'); END;
CREATE TRIGGER epoch_kept_insert BEFORE INSERT ON epoch
WHEN EXISTS (SELECT 1 FROM epoch WHERE id = NEW.id OR number = NEW.number)
BEGIN SELECT raise(ABORT, 'what is on record is never replaced'); END;

CREATE TRIGGER submission_kept_update BEFORE UPDATE ON submission
BEGIN SELECT raise(ABORT, 'what is on record is never changed'); END;
CREATE TRIGGER submission_kept_delete BEFORE DELETE ON submission
BEGIN SELECT raise(ABORT, 'what is on record is never deleted'); END;
CREATE TRIGGER submission_kept_insert BEFORE INSERT ON submission
WHEN EXISTS (SELECT 1 FROM submission WHERE id = NEW.id) OR EXISTS (SELECT 1 FROM submission WHERE shown = NEW.shown)
BEGIN SELECT raise(ABORT, 'what is on record is never replaced'); END;

CREATE TRIGGER delivery_kept_update BEFORE UPDATE ON delivery
BEGIN SELECT raise(ABORT, 'what is on record is never changed'); END;
CREATE TRIGGER delivery_kept_delete BEFORE DELETE ON delivery
BEGIN SELECT raise(ABORT, 'what is on record is never deleted'); END;
CREATE TRIGGER delivery_kept_insert BEFORE INSERT ON delivery
WHEN EXISTS (SELECT 1 FROM delivery WHERE id = NEW.id) OR NEW.kind = 1 AND EXISTS (SELECT 1 FROM delivery WHERE submission = NEW.submission)
BEGIN SELECT raise(ABORT, 'what is on record is never replaced'); END;

CREATE TRIGGER registration_kept_update BEFORE UPDATE ON registration
BEGIN SELECT raise(ABORT, 'what is on record is never changed'); END;
CREATE TRIGGER registration_kept_delete BEFORE DELETE ON registration
BEGIN SELECT raise(ABORT, 'what is on record is never deleted'); END;
CREATE TRIGGER registration_kept_insert BEFORE INSERT ON registration
WHEN EXISTS (SELECT 1 FROM registration WHERE id = NEW.id)
BEGIN SELECT raise(ABORT, 'what is on record is never replaced'); END;

CREATE TRIGGER call_kept_update BEFORE UPDATE ON call
BEGIN SELECT raise(ABORT, 'what is on record is never changed'); END;
CREATE TRIGGER call_kept_delete BEFORE DELETE ON call
BEGIN SELECT raise(ABORT, 'what is on record is never deleted'); END;
CREATE TRIGGER call_kept_insert BEFORE INSERT ON call
WHEN EXISTS (SELECT 1 FROM call WHERE id = NEW.id)
BEGIN SELECT raise(ABORT, 'what is on record is never replaced'); END;

CREATE TRIGGER attempt_kept_update BEFORE UPDATE ON attempt
BEGIN SELECT raise(ABORT, 'what is on record is never changed'); END;
CREATE TRIGGER attempt_kept_delete BEFORE DELETE ON attempt
BEGIN SELECT raise(ABORT, 'what is on record is never deleted'); END;
CREATE TRIGGER attempt_kept_insert BEFORE INSERT ON attempt
WHEN EXISTS (SELECT 1 FROM attempt WHERE id = NEW.id)
BEGIN SELECT raise(ABORT, 'what is on record is never replaced'); END;

CREATE TRIGGER outcome_kept_update BEFORE UPDATE ON outcome
BEGIN SELECT raise(ABORT, 'what is on record is never changed'); END;
CREATE TRIGGER outcome_kept_delete BEFORE DELETE ON outcome
BEGIN SELECT raise(ABORT, 'what is on record is never deleted'); END;
CREATE TRIGGER outcome_kept_insert BEFORE INSERT ON outcome
WHEN EXISTS (SELECT 1 FROM outcome WHERE id = NEW.id) OR EXISTS (SELECT 1 FROM outcome WHERE attempt = NEW.attempt)
BEGIN SELECT raise(ABORT, 'what is on record is never replaced'); END;

CREATE TRIGGER transition_kept_update BEFORE UPDATE ON transition
BEGIN SELECT raise(ABORT, 'what is on record is never changed'); END;
CREATE TRIGGER transition_kept_delete BEFORE DELETE ON transition
BEGIN SELECT raise(ABORT, 'what is on record is never deleted'); END;
CREATE TRIGGER transition_kept_insert BEFORE INSERT ON transition
WHEN EXISTS (SELECT 1 FROM transition WHERE id = NEW.id)
BEGIN SELECT raise(ABORT, 'what is on record is never replaced'); END;

CREATE TRIGGER result_kept_update BEFORE UPDATE ON result
BEGIN SELECT raise(ABORT, 'what is on record is never changed'); END;
CREATE TRIGGER result_kept_delete BEFORE DELETE ON result
BEGIN SELECT raise(ABORT, 'what is on record is never deleted'); END;
CREATE TRIGGER result_kept_insert BEFORE INSERT ON result
WHEN EXISTS (SELECT 1 FROM result WHERE id = NEW.id)
BEGIN SELECT raise(ABORT, 'what is on record is never replaced'); END;

CREATE TRIGGER refusal_kept_update BEFORE UPDATE ON refusal
BEGIN SELECT raise(ABORT, 'what is on record is never changed'); END;
CREATE TRIGGER refusal_kept_delete BEFORE DELETE ON refusal
BEGIN SELECT raise(ABORT, 'what is on record is never deleted'); END;
CREATE TRIGGER refusal_kept_insert BEFORE INSERT ON refusal
WHEN EXISTS (SELECT 1 FROM refusal WHERE id = NEW.id)
  OR EXISTS (SELECT 1 FROM refusal WHERE customer = NEW.customer AND file = NEW.file AND reason = NEW.reason)
BEGIN SELECT raise(ABORT, 'what is on record is never replaced'); END;

CREATE TRIGGER action_kept_update BEFORE UPDATE ON action
BEGIN SELECT raise(ABORT, 'what is on record is never changed'); END;
CREATE TRIGGER action_kept_delete BEFORE DELETE ON action
BEGIN SELECT raise(ABORT, 'what is on record is never deleted'); END;
CREATE TRIGGER action_kept_insert BEFORE INSERT ON action
WHEN EXISTS (SELECT 1 FROM action WHERE id = NEW.id)
BEGIN SELECT raise(ABORT, 'what is on record is never replaced'); END;

CREATE TRIGGER block_kept_update BEFORE UPDATE ON block
BEGIN SELECT raise(ABORT, 'what is on record is never changed'); END;
CREATE TRIGGER block_kept_delete BEFORE DELETE ON block
BEGIN SELECT raise(ABORT, 'what is on record is never deleted'); END;

CREATE TRIGGER customer_kept_update BEFORE UPDATE ON customer
BEGIN SELECT raise(ABORT, 'what is on record is never changed'); END;
CREATE TRIGGER customer_kept_delete BEFORE DELETE ON customer
BEGIN SELECT raise(ABORT, 'what is on record is never deleted'); END;
CREATE TRIGGER customer_kept_insert BEFORE INSERT ON customer
WHEN EXISTS (SELECT 1 FROM customer WHERE number = NEW.number OR text = NEW.text)
BEGIN SELECT raise(ABORT, 'what is on record is never replaced'); END;

CREATE TRIGGER target_kept_update BEFORE UPDATE ON target
BEGIN SELECT raise(ABORT, 'what is on record is never changed'); END;
CREATE TRIGGER target_kept_delete BEFORE DELETE ON target
BEGIN SELECT raise(ABORT, 'what is on record is never deleted'); END;
CREATE TRIGGER target_kept_insert BEFORE INSERT ON target
WHEN EXISTS (SELECT 1 FROM target WHERE number = NEW.number OR text = NEW.text)
BEGIN SELECT raise(ABORT, 'what is on record is never replaced'); END;

CREATE TRIGGER manufacturer_kept_update BEFORE UPDATE ON manufacturer
BEGIN SELECT raise(ABORT, 'what is on record is never changed'); END;
CREATE TRIGGER manufacturer_kept_delete BEFORE DELETE ON manufacturer
BEGIN SELECT raise(ABORT, 'what is on record is never deleted'); END;
CREATE TRIGGER manufacturer_kept_insert BEFORE INSERT ON manufacturer
WHEN EXISTS (SELECT 1 FROM manufacturer WHERE number = NEW.number OR text = NEW.text)
BEGIN SELECT raise(ABORT, 'what is on record is never replaced'); END;

CREATE TRIGGER model_kept_update BEFORE UPDATE ON model
BEGIN SELECT raise(ABORT, 'what is on record is never changed'); END;
CREATE TRIGGER model_kept_delete BEFORE DELETE ON model
BEGIN SELECT raise(ABORT, 'what is on record is never deleted'); END;
CREATE TRIGGER model_kept_insert BEFORE INSERT ON model
WHEN EXISTS (SELECT 1 FROM model WHERE number = NEW.number OR text = NEW.text)
BEGIN SELECT raise(ABORT, 'what is on record is never replaced'); END;

-- What stands beside the record shows in the views too: the daemon's own connection alone writes it. That one has
-- its triggers switched off.
CREATE TRIGGER state_word_own_insert BEFORE INSERT ON state_word
BEGIN SELECT raise(ABORT, 'only devicedrop itself writes here'); END;
CREATE TRIGGER state_word_own_update BEFORE UPDATE ON state_word
BEGIN SELECT raise(ABORT, 'only devicedrop itself writes here'); END;
CREATE TRIGGER state_word_own_delete BEFORE DELETE ON state_word
BEGIN SELECT raise(ABORT, 'only devicedrop itself writes here'); END;
CREATE TRIGGER error_word_own_insert BEFORE INSERT ON error_word
BEGIN SELECT raise(ABORT, 'only devicedrop itself writes here'); END;
CREATE TRIGGER error_word_own_update BEFORE UPDATE ON error_word
BEGIN SELECT raise(ABORT, 'only devicedrop itself writes here'); END;
CREATE TRIGGER error_word_own_delete BEFORE DELETE ON error_word
BEGIN SELECT raise(ABORT, 'only devicedrop itself writes here'); END;
CREATE TRIGGER cause_word_own_insert BEFORE INSERT ON cause_word
BEGIN SELECT raise(ABORT, 'only devicedrop itself writes here'); END;
CREATE TRIGGER cause_word_own_update BEFORE UPDATE ON cause_word
BEGIN SELECT raise(ABORT, 'only devicedrop itself writes here'); END;
CREATE TRIGGER cause_word_own_delete BEFORE DELETE ON cause_word
BEGIN SELECT raise(ABORT, 'only devicedrop itself writes here'); END;
CREATE TRIGGER outcome_word_own_insert BEFORE INSERT ON outcome_word
BEGIN SELECT raise(ABORT, 'only devicedrop itself writes here'); END;
CREATE TRIGGER outcome_word_own_update BEFORE UPDATE ON outcome_word
BEGIN SELECT raise(ABORT, 'only devicedrop itself writes here'); END;
CREATE TRIGGER outcome_word_own_delete BEFORE DELETE ON outcome_word
BEGIN SELECT raise(ABORT, 'only devicedrop itself writes here'); END;
CREATE TRIGGER error_text_own_insert BEFORE INSERT ON error_text
BEGIN SELECT raise(ABORT, 'only devicedrop itself writes here'); END;
CREATE TRIGGER error_text_own_update BEFORE UPDATE ON error_text
BEGIN SELECT raise(ABORT, 'only devicedrop itself writes here'); END;
CREATE TRIGGER error_text_own_delete BEFORE DELETE ON error_text
BEGIN SELECT raise(ABORT, 'only devicedrop itself writes here'); END;
CREATE TRIGGER present_own_insert BEFORE INSERT ON present
BEGIN SELECT raise(ABORT, 'only devicedrop itself writes here'); END;
CREATE TRIGGER present_own_update BEFORE UPDATE ON present
BEGIN SELECT raise(ABORT, 'only devicedrop itself writes here'); END;
CREATE TRIGGER present_own_delete BEFORE DELETE ON present
BEGIN SELECT raise(ABORT, 'only devicedrop itself writes here'); END;
CREATE TRIGGER range_own_insert BEFORE INSERT ON range
BEGIN SELECT raise(ABORT, 'only devicedrop itself writes here'); END;
CREATE TRIGGER range_own_update BEFORE UPDATE ON range
BEGIN SELECT raise(ABORT, 'only devicedrop itself writes here'); END;
CREATE TRIGGER range_own_delete BEFORE DELETE ON range
BEGIN SELECT raise(ABORT, 'only devicedrop itself writes here'); END;
CREATE TRIGGER cursor_own_insert BEFORE INSERT ON cursor
BEGIN SELECT raise(ABORT, 'only devicedrop itself writes here'); END;
CREATE TRIGGER cursor_own_update BEFORE UPDATE ON cursor
BEGIN SELECT raise(ABORT, 'only devicedrop itself writes here'); END;
CREATE TRIGGER cursor_own_delete BEFORE DELETE ON cursor
BEGIN SELECT raise(ABORT, 'only devicedrop itself writes here'); END;
CREATE TRIGGER tally_own_insert BEFORE INSERT ON tally
BEGIN SELECT raise(ABORT, 'only devicedrop itself writes here'); END;
CREATE TRIGGER tally_own_update BEFORE UPDATE ON tally
BEGIN SELECT raise(ABORT, 'only devicedrop itself writes here'); END;
CREATE TRIGGER tally_own_delete BEFORE DELETE ON tally
BEGIN SELECT raise(ABORT, 'only devicedrop itself writes here'); END;
CREATE TRIGGER acceptance_own_insert BEFORE INSERT ON acceptance
BEGIN SELECT raise(ABORT, 'only devicedrop itself writes here'); END;
CREATE TRIGGER acceptance_own_update BEFORE UPDATE ON acceptance
BEGIN SELECT raise(ABORT, 'only devicedrop itself writes here'); END;
CREATE TRIGGER acceptance_own_delete BEFORE DELETE ON acceptance
BEGIN SELECT raise(ABORT, 'only devicedrop itself writes here'); END;
CREATE TRIGGER open_call_own_insert BEFORE INSERT ON open_call
BEGIN SELECT raise(ABORT, 'only devicedrop itself writes here'); END;
CREATE TRIGGER open_call_own_update BEFORE UPDATE ON open_call
BEGIN SELECT raise(ABORT, 'only devicedrop itself writes here'); END;
CREATE TRIGGER open_call_own_delete BEFORE DELETE ON open_call
BEGIN SELECT raise(ABORT, 'only devicedrop itself writes here'); END;
CREATE TRIGGER known_file_own_insert BEFORE INSERT ON known_file
BEGIN SELECT raise(ABORT, 'only devicedrop itself writes here'); END;
CREATE TRIGGER known_file_own_update BEFORE UPDATE ON known_file
BEGIN SELECT raise(ABORT, 'only devicedrop itself writes here'); END;
CREATE TRIGGER known_file_own_delete BEFORE DELETE ON known_file
BEGIN SELECT raise(ABORT, 'only devicedrop itself writes here'); END;
CREATE TRIGGER note_own_insert BEFORE INSERT ON note
BEGIN SELECT raise(ABORT, 'only devicedrop itself writes here'); END;
CREATE TRIGGER note_own_update BEFORE UPDATE ON note
BEGIN SELECT raise(ABORT, 'only devicedrop itself writes here'); END;
CREATE TRIGGER note_own_delete BEFORE DELETE ON note
BEGIN SELECT raise(ABORT, 'only devicedrop itself writes here'); END;
CREATE TRIGGER owed_own_insert BEFORE INSERT ON owed
BEGIN SELECT raise(ABORT, 'only devicedrop itself writes here'); END;
CREATE TRIGGER owed_own_update BEFORE UPDATE ON owed
BEGIN SELECT raise(ABORT, 'only devicedrop itself writes here'); END;
CREATE TRIGGER owed_own_delete BEFORE DELETE ON owed
BEGIN SELECT raise(ABORT, 'only devicedrop itself writes here'); END;
CREATE TRIGGER run_own_insert BEFORE INSERT ON run
BEGIN SELECT raise(ABORT, 'only devicedrop itself writes here'); END;
CREATE TRIGGER run_own_update BEFORE UPDATE ON run
BEGIN SELECT raise(ABORT, 'only devicedrop itself writes here'); END;
CREATE TRIGGER run_own_delete BEFORE DELETE ON run
BEGIN SELECT raise(ABORT, 'only devicedrop itself writes here'); END;
