package processmakertest

import "time"

// userResource is a user as the API shows it. Fields that nothing in this
// server fills are there all the same, as clients may decode them.
type userResource struct {
	ID                    int64   `json:"id"`
	Email                 string  `json:"email"`
	FirstName             string  `json:"firstname"`
	LastName              string  `json:"lastname"`
	Username              string  `json:"username"`
	Status                string  `json:"status"`
	Address               *string `json:"address"`
	City                  *string `json:"city"`
	State                 *string `json:"state"`
	Postal                *string `json:"postal"`
	Country               *string `json:"country"`
	Phone                 *string `json:"phone"`
	Fax                   *string `json:"fax"`
	Cell                  *string `json:"cell"`
	Title                 *string `json:"title"`
	Birthdate             *string `json:"birthdate"`
	Timezone              string  `json:"timezone"`
	DatetimeFormat        string  `json:"datetime_format"`
	Language              string  `json:"language"`
	Meta                  *string `json:"meta"`
	ConnectedAccounts     *string `json:"connected_accounts"`
	IsAdministrator       bool    `json:"is_administrator"`
	IsSystem              int     `json:"is_system"`
	ExpiresAt             *string `json:"expires_at"`
	LoggedinAt            *string `json:"loggedin_at"`
	ActiveAt              *string `json:"active_at"`
	RememberToken         *string `json:"remember_token"`
	CreatedAt             string  `json:"created_at"`
	UpdatedAt             string  `json:"updated_at"`
	DeletedAt             *string `json:"deleted_at"`
	DelegationUserID      *int64  `json:"delegation_user_id"`
	ManagerID             *int64  `json:"manager_id"`
	Schedule              *string `json:"schedule"`
	ForceChangePassword   int     `json:"force_change_password"`
	Avatar                *string `json:"avatar"`
	PasswordChangedAt     *string `json:"password_changed_at"`
	Preferences2FA        *string `json:"preferences_2fa"`
	EmailTaskNotification int     `json:"email_task_notification"`
	Fullname              string  `json:"fullname"`
}

func newUserResource(u *userRow) userResource {
	r := userResource{
		ID: u.ID, Email: u.Email, FirstName: u.FirstName, LastName: u.LastName, Username: u.Username, Status: u.Status,
		Timezone: "America/Los_Angeles", DatetimeFormat: "m/d/Y H:i", Language: "en",
		IsAdministrator:   u.Administrator,
		ExpiresAt:         dateText(u.ExpiresAt, time.DateOnly),
		CreatedAt:         u.createdAt.UTC().Format("2006-01-02T15:04:05+00:00"),
		UpdatedAt:         u.updatedAt.UTC().Format("2006-01-02T15:04:05+00:00"),
		PasswordChangedAt: dateText(u.passwordChangedAt, time.DateTime),
		Fullname:          u.FirstName + " " + u.LastName,
	}
	if u.ForcePasswordChange {
		r.ForceChangePassword = 1
	}
	return r
}

// dateText is nil for a time that was never set.
func dateText(t time.Time, layout string) *string {
	if t.IsZero() {
		return nil
	}
	text := t.UTC().Format(layout)
	return &text
}
