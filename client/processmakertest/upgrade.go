package processmakertest

// SetPassport brings the server to another version of Laravel Passport, as an
// upgrade of the product does while clients and tokens stay. Under Passport 13
// a personal access client without an owner then belongs to user 1, unless
// Config.UnmendedPersonalClient is set: the product's upgrade script mends that
// one client and no other. A request that is inside ends as it began.
func (s *Server) SetPassport(version int) error {
	w, err := worldOf(version)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, client := range s.data.clients {
		if client.PersonalAccess && client.OwnerID == 0 && !s.config.UnmendedPersonalClient {
			client.OwnerID = w.start.owner
		}
	}
	s.world.Store(w)
	return nil
}

// HashSecrets hashes what secrets are stored as they are, as the product's
// upgrade script does, so that Passport 13 accepts them.
func (s *Server) HashSecrets() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, client := range s.data.clients {
		client.PlainSecret = false
	}
}
