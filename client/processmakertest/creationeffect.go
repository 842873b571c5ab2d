package processmakertest

// HalfCreation breaks the creation of a personal access token half way, as a
// worker or a database does that dies: the product stores a token first and
// names it in a second write. The row lives without a name, and its text never
// leaves the server. How is what the caller gets instead, an effect that
// processes nothing, such as BadGateway or Refuse; the zero Effect is the
// product's server error. A creation that is refused before is not broken.
func HalfCreation(how Effect) Effect {
	return Effect{
		claims: func(v *visit) bool { return v.route.endpoint == CreateToken },
		run: func(v *visit) delivery {
			v.breakNaming = true
			a := v.process()
			if how.run == nil || !v.namingBroke {
				return delivery{answer: a}
			}
			return how.run(v)
		},
	}
}
