package processmakertest

import "slices"

// User gives a copy of a user, or the zero User.
func (s *Server) User(username string) User {
	s.mu.Lock()
	defer s.mu.Unlock()
	row := s.data.userByName(username)
	if row == nil {
		return User{}
	}
	user := row.User
	user.Permissions = slices.Clone(user.Permissions)
	return user
}

// Client gives a copy of an auth client, or the zero Client.
func (s *Server) Client(id int64) Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	if row := s.data.clientByID(id); row != nil {
		return row.Client
	}
	return Client{}
}

// Users gives copies of all users, deleted ones too.
func (s *Server) Users() []User {
	s.mu.Lock()
	defer s.mu.Unlock()
	var users []User
	for _, row := range s.data.users {
		user := row.User
		user.Permissions = slices.Clone(user.Permissions)
		users = append(users, user)
	}
	return users
}

// Clients gives copies of all auth clients, revoked ones too.
func (s *Server) Clients() []Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	var clients []Client
	for _, row := range s.data.clients {
		clients = append(clients, row.Client)
	}
	return clients
}

// AddUser adds a user, or replaces the one of that name. Empty fields are
// filled in: id, password, e-mail address and status.
func (s *Server) AddUser(user User) User {
	now := s.config.Clock()
	s.mu.Lock()
	defer s.mu.Unlock()
	user = s.data.putUser(user, now).User
	user.Permissions = slices.Clone(user.Permissions)
	return user
}

// AddClient adds an auth client, or replaces the one with that id. An empty id
// or secret is filled in. A personal access client is registered as the
// product's console command does it, so that tokens are made with it from now on.
func (s *Server) AddClient(client Client) Client {
	now := s.config.Clock()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.data.putClient(client, now).Client
}

// SetPassword changes a password and, as in the product, no token. An empty
// password is that of an account which only a single sign-on can open.
func (s *Server) SetPassword(username, password string) {
	now := s.config.Clock()
	s.changeUser(username, func(u *userRow) { u.Password, u.passwordChangedAt = password, now })
}

// SetStatus changes the status of a user, which the token endpoint and the API
// do not look at.
func (s *Server) SetStatus(username, status string) {
	s.changeUser(username, func(u *userRow) { u.Status = status })
}

// DeleteUser deletes a user so that RestoreUser can undo it.
func (s *Server) DeleteUser(username string) {
	s.changeUser(username, func(u *userRow) { u.Deleted = true })
}

// RestoreUser brings a deleted user back, whose unrevoked tokens work again.
func (s *Server) RestoreUser(username string) {
	s.changeUser(username, func(u *userRow) { u.Deleted = false })
}

func (s *Server) changeUser(username string, change func(*userRow)) {
	now := s.config.Clock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if row := s.data.userByName(username); row != nil {
		change(row)
		row.updatedAt = now
	}
}

// RevokeClient revokes an auth client, and with it what it was given.
func (s *Server) RevokeClient(id int64) {
	s.changeClient(id, func(c *clientRow) { c.Revoked = true })
}

// SetClientSecret changes the secret of an auth client.
func (s *Server) SetClientSecret(id int64, secret string) {
	s.changeClient(id, func(c *clientRow) { c.Secret = secret })
}

func (s *Server) changeClient(id int64, change func(*clientRow)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if row := s.data.clientByID(id); row != nil {
		change(row)
	}
}

// RestoreClient brings a revoked auth client back, and with it what it was given.
func (s *Server) RestoreClient(id int64) {
	s.changeClient(id, func(c *clientRow) { c.Revoked = false })
}

// SetClientOwner gives an auth client to a user, or to nobody with 0.
func (s *Server) SetClientOwner(id, userID int64) {
	s.changeClient(id, func(c *clientRow) { c.OwnerID = userID })
}

// RotateAppKey makes every refresh token and code so far undecryptable.
func (s *Server) RotateAppKey() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data.appKey++
}

// RotatePassportKey makes the signature of every access token so far invalid.
func (s *Server) RotatePassportKey() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data.passportKey++
}

// PurgeRevoked drops the rows of revoked tokens and codes.
func (s *Server) PurgeRevoked() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data.purgeRevoked()
}
