//go:build unix

package main

// rates measures renewals and revocations at 16 connections, in chunks.
func (b *bench) rates() error {
	for _, storage := range b.plan.storages {
		if err := b.onStage(storage, 0, cannedDouble, func(s *stage) error { return b.ratesOf(s) }); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) ratesOf(s *stage) error {
	const width = 16
	// Each renewal asks for more than the lease has, so that it grows.
	const longer = 2 * 60 * 60
	for _, kind := range []struct{ role, renewal, revocation string }{
		{password, "renewal, refresh", "revocation of a login's token"},
		{extending, "renewal, extend", ""},
		{personal, "renewal of a PAT", "revocation of a PAT"},
	} {
		var issued, renewed, revoked []float64
		for range b.plan.chunks {
			leases, p, err := s.caller.leases(ours+"/creds/"+kind.role, b.plan.chunk)
			if err != nil {
				return err
			}
			issued = append(issued, p.perSecond())
			if p, err = drive(width, len(leases), func(i int) error { return s.caller.renew(leases[i], longer) }); err != nil {
				return err
			}
			renewed = append(renewed, p.perSecond())
			if p, err = drive(width, len(leases), func(i int) error { return s.caller.revoke(leases[i]) }); err != nil {
				return err
			}
			revoked = append(revoked, p.perSecond())
		}
		b.figures.addRate(s.vault.storage, "read, role "+kind.role, issued)
		b.figures.addRate(s.vault.storage, kind.renewal, renewed)
		if kind.revocation != "" {
			b.figures.addRate(s.vault.storage, kind.revocation, revoked)
		}
	}
	return nil
}
