package processmakertest

import "strings"

// wording is what complaints about fields say. The product translates them, so
// that nobody can rely on a text, and a client that does meets two of them.
type wording struct {
	nameMissing, nameNoText, nameTooLong, unknownScopes string
	// password are the rules of the default policy, in order of complaint.
	password []passwordRule
}

// passwordRule is broken by passwords that deserve the complaint.
type passwordRule struct {
	broken    func(password string) bool
	complaint string
}

// productWording is the product's own.
func productWording() wording {
	return wording{
		nameMissing:   "The Name field is required.",
		nameNoText:    "The Name must be a string.",
		nameTooLong:   "The Name may not be greater than 255 characters.",
		unknownScopes: "The selected Scopes is invalid.",
		password: []passwordRule{
			{isShort, "The Password must be at least 8 characters."},
			{lacksNumber, "The Password must contain at least one number."},
			{lacksUppercase, "The Password must contain at least one uppercase letter."},
			{lacksSymbol, "The Password must contain at least one symbol."},
		},
	}
}

// frameworkWording is the framework's, where the product has none.
func frameworkWording() wording {
	return wording{
		nameMissing:   "The name field is required.",
		nameNoText:    "The name field must be a string.",
		nameTooLong:   "The name field must not be greater than 255 characters.",
		unknownScopes: "The selected scopes is invalid.",
		password: []passwordRule{
			{lacksUppercase, "The password must contain at least one uppercase character."},
			{isShort, "The password field must be at least 8 characters."},
			{lacksSymbol, "The password field must contain at least one symbol."},
			{lacksNumber, "The password field must contain at least one number."},
		},
	}
}

// passwordFaults gives the complaints about a password.
func (w wording) passwordFaults(password string) []string {
	var faults []string
	for _, rule := range w.password {
		if rule.broken(password) {
			faults = append(faults, rule.complaint)
		}
	}
	return faults
}

func isShort(password string) bool { return len([]rune(password)) < 8 }

func lacksNumber(password string) bool { return !strings.ContainsAny(password, "0123456789") }

func lacksUppercase(password string) bool { return strings.ToLower(password) == password }

func lacksSymbol(password string) bool {
	return !strings.ContainsFunc(password, func(r rune) bool { return r > ' ' && r < 127 && !isLetterOrDigit(r) })
}

func isLetterOrDigit(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
}
