package processmakertest_test

// replays13 are the recordings with Passport 13 that the double is held against.
var replays13 = map[string]replay{
	"p13-password_blocked_user":             asIs,
	"p13-password_deleted_user":             asIs,
	"p13-password_in_query_string":          asIs,
	"p13-password_inactive_user":            asIs,
	"p13-password_missing_username":         asIs,
	"p13-password_number":                   asIs,
	"p13-password_ok_basic_lower_case":      {prepare: basicOf(3)},
	"p13-password_ok_client_id_number":      asIs,
	"p13-password_ok_json":                  asIs,
	"p13-password_ok_normal_user":           asIs,
	"p13-password_scope_array":              asIs,
	"p13-password_unknown_scope":            asIs,
	"p13-password_user_past_expires_at":     asIs,
	"p13-password_with_blanks_around":       asIs,
	"p13-password_wrong_password_no_accept": asIs,

	"p13-client_auth_code_client_password_grant":              asIs,
	"p13-client_auth_code_client_password_grant_wrong_secret": asIs,
	"p13-client_id_leading_zero":                              asIs,
	"p13-client_id_with_letters_after_number":                 asIs,
	"p13-client_missing_secret":                               asIs,
	"p13-client_revoked":                                      asIs,
	"p13-client_secret_not_hashed_yet":                        asIs,
	"p13-client_unknown_id":                                   asIs,
	"p13-client_wrong_secret":                                 asIs,
	"p13-client_wrong_secret_basic": {prepare: func(*stage) script {
		return script{"BASIC": basic("3", "wrong")}
	}},

	"p13-public_client_credentials": asIs,
	"p13-public_password_basic_empty": {prepare: func(*stage) script {
		return script{"BASIC": basic("7", "")}
	}},
	"p13-public_password_empty_secret":   asIs,
	"p13-public_password_no_secret":      asIs,
	"p13-public_password_wrong_password": asIs,
	"p13-public_refresh_no_secret":       {prepare: publicRefresh("7")},

	"p13-empty_body":             asIs,
	"p13-get_token_endpoint":     asIs,
	"p13-missing_grant_type":     asIs,
	"p13-no_introspect_endpoint": asIs,
	"p13-unsupported_grant_type": asIs,

	"p13-client_credentials_ok":                    asIs,
	"p13-client_credentials_owned_password_client": asIs,
	"p13-personal_access_grant_over_http":          asIs,

	"p13-api_old_access_token_after_refresh": {prepare: func(s *stage) script {
		old := s.login("admin")
		s.refresh(old.refresh)
		return script{"OLD_ACCESS_TOKEN": old.access}
	}},
	"p13-refresh_after_failed_tries": {prepare: failedRefreshes},
	"p13-refresh_expired": {prepare: func(s *stage) script {
		old := s.login("admin")
		s.clock.Advance(year)
		return script{"EXPIRED_REFRESH_TOKEN": old.refresh}
	}},
	"p13-refresh_garbage":       asIs,
	"p13-refresh_missing_token": asIs,
	"p13-refresh_new_token_after_reuse": {prepare: func(s *stage) script {
		old := s.login("admin")
		next := s.refresh(old.refresh)
		s.grant(refreshFields(old.refresh))
		return script{"OLD_REFRESH_TOKEN": next.refresh}
	}},
	"p13-refresh_ok_json":                       {prepare: oldRefresh},
	"p13-refresh_other_client":                  {prepare: oldRefresh},
	"p13-refresh_scope_wider":                   {prepare: oldRefresh},
	"p13-refresh_token_from_before_the_upgrade": {prepare: upgraded},
	"p13-refresh_wrong_secret":                  {prepare: oldRefresh},

	"p13-authorization_code_by_password_client":     {prepare: code},
	"p13-authorization_code_client_with_both_types": {prepare: code13(11)},
	"p13-authorization_code_missing_code":           asIs,
	"p13-authorization_code_missing_redirect_uri":   {prepare: code},
	"p13-authorization_code_ok": {prepare: func(s *stage) script {
		values := code(s)
		s.grant(fields{"grant_type": "authorization_code", "client_id": "2", "code": values["AUTH_CODE"], "redirect_uri": "http://127.0.0.1:8250/other"})
		s.grant(fields{"grant_type": "authorization_code", "client_id": "11", "code": values["AUTH_CODE"], "redirect_uri": redirectURI})
		return values
	}},
	"p13-authorization_code_other_client":          {prepare: code},
	"p13-authorization_code_pkce_missing_verifier": {prepare: codeWithProof},
	"p13-authorization_code_pkce_ok":               {prepare: codeWithProof},
	"p13-authorization_code_public_ok":             {prepare: codeWithProof13},
	"p13-authorization_code_public_refresh":        {prepare: publicRefresh("8")},
	"p13-authorization_code_public_wrong_verifier": {prepare: codeWithProof13},
	"p13-authorization_code_reuse": {prepare: func(s *stage) script {
		values := code(s)
		s.pairOf(s.exchange(values["AUTH_CODE"], nil))
		return values
	}},
	"p13-authorization_code_wrong_redirect_uri":     {prepare: code},
	"p13-authorization_code_wrong_secret":           {prepare: code},
	"p13-authorize_missing_response_type":           {prepare: signedIn},
	"p13-authorize_other_loopback_port":             {prepare: signedIn},
	"p13-authorize_public_client_without_challenge": {prepare: signedIn},
	"p13-authorize_redirects_to_login":              {prepare: withState},
	"p13-authorize_unknown_scope":                   {prepare: signedIn},
	"p13-authorize_wrong_redirect_uri":              {prepare: signedIn},

	"p13-api_bad_signature": {prepare: tampered},
	"p13-api_client_credentials_token": {prepare: func(s *stage) script {
		token := s.pairOf(s.grant(fields{"grant_type": "client_credentials", "client_id": "5"}))
		return script{"ACCESS_TOKEN": token.access}
	}},
	"p13-api_garbage_token":           asIs,
	"p13-api_inactive_user_token":     {prepare: tokenOf("inactive")},
	"p13-api_no_token_no_accept":      asIs,
	"p13-api_refresh_token_as_bearer": {prepare: oldRefresh},
	"p13-api_user_not_found":          {prepare: tokenOf("admin")},
	"p13-api_user_show_ok":            {prepare: tokenOf("admin")},
	"p13-token_delete_expired":        {prepare: expiredToken},
	"p13-token_show_expired":          {prepare: expiredToken},

	"p13-twin_other_client":                     {prepare: twinToken("4")},
	"p13-twin_password_token":                   {prepare: twinToken("3")},
	"p13-twin_pat_before_the_may_2026_fix":      {adjust: unmended, prepare: tokenOf("admin")},
	"p13-twin_pat_before_the_may_2026_fix_used": {adjust: unmended, prepare: personalToken},
	"p13-twin_token_delete":                     {prepare: twinToken("3")},
	"p13-twin_token_show":                       {prepare: twinToken("3")},

	"p13-api_after_token_deleted": {prepare: func(s *stage) script {
		token := s.login("admin")
		s.api("DELETE", "users/1/tokens/"+token.jti, token.access, "")
		return script{"ACCESS_TOKEN": token.access}
	}},
	"p13-passport_tokens_delete_with_bearer": {prepare: tokenOf("admin")},
	"p13-pat_create_for_admin_by_normal":     {prepare: tokenOf("alice")},
	"p13-pat_create_for_other_by_admin":      {prepare: tokenOf("admin")},
	"p13-pat_create_personal_client_revoked": {prepare: func(s *stage) script {
		s.server.RevokeClient(1)
		return tokenOf("admin")(s)
	}},
	"p13-pat_create_scope_star":   {prepare: tokenOf("admin")},
	"p13-pat_create_unknown_user": {prepare: tokenOf("admin")},
	"p13-pat_delete":              {prepare: personalToken},
	"p13-pat_list":                {prepare: twoPersonalTokens},
	"p13-pat_show":                {prepare: personalToken},
	"p13-pat_used":                {prepare: personalToken},
	"p13-pat_used_after_delete":   {prepare: deletedPersonalToken},
	"p13-token_delete_again_with_other_token": {prepare: func(s *stage) script {
		gone := s.login("admin")
		s.api("DELETE", "users/1/tokens/"+gone.jti, gone.access, "")
		return script{"JTI": gone.jti, "ADMIN_ACCESS_TOKEN": s.login("admin").access}
	}},
	"p13-token_delete_of_admin_by_normal": {prepare: func(s *stage) script {
		return script{"JTI": s.login("admin").jti, "OTHER_ACCESS_TOKEN": s.login("alice").access}
	}},
	"p13-token_delete_password_grant_token_by_itself": {prepare: tokenOf("admin")},
	"p13-token_delete_unknown":                        {prepare: tokenOf("admin")},
	"p13-token_show_unknown":                          {prepare: tokenOf("admin")},

	"p13-api_access_token_after_password_change": {prepare: func(s *stage) script {
		values := tokenOf("carol")(s)
		s.server.SetPassword("carol", "N3w-Car0l-Secret!x")
		return values
	}},
	"p13-api_after_refresh_of_deleted_user": {prepare: func(s *stage) script {
		old := s.login("bob")
		s.server.DeleteUser("bob")
		return script{"ACCESS_TOKEN": s.refresh(old.refresh).access}
	}},
	"p13-api_token_after_user_made_inactive": {prepare: func(s *stage) script {
		values := tokenOf("bob")(s)
		s.server.SetStatus("bob", "INACTIVE")
		return values
	}},
	"p13-api_token_of_deleted_user": {prepare: bobGone},
	"p13-password_change_too_short": {prepare: tokenOf("carol")},
	"p13-password_new_after_change": {prepare: func(s *stage) script {
		s.server.SetPassword("carol", "N3w-Car0l-Secret!x")
		return nil
	}},
	"p13-refresh_after_client_revoked": {prepare: func(s *stage) script {
		f := s.passwordFields("admin")
		f["client_id"] = "4"
		old := s.pairOf(s.grant(f))
		s.server.RevokeClient(4)
		return script{"REFRESH_TOKEN": old.refresh}
	}},
	"p13-refresh_after_password_change": {prepare: func(s *stage) script {
		old := s.login("carol")
		s.server.SetPassword("carol", "N3w-Car0l-Secret!x")
		return script{"OLD_REFRESH_TOKEN": old.refresh}
	}},

	"p13-throttle_api_not_affected":     {prepare: overTheLimit13},
	"p13-throttle_good_request_refused": {prepare: overTheLimit},
	"p13-throttle_sequence":             {left: map[int]int{2: 57}},

	"p13-maintenance_api":    {prepare: maintained13},
	"p13-maintenance_token":  {prepare: maintained13},
	"p13-server_error_api":   {prepare: withoutDatabase},
	"p13-server_error_token": {prepare: withoutDatabase},
}

// outside13 are the recordings that the double does not answer, with the reason.
var outside13 = map[string]string{
	"p13-refresh_twice_where_tokens_are_kept": "ProcessMaker has no such setting; the answers are those of refresh_concurrent_both_win, which MeetRefresh gives",
	"p13-signing_key_missing_token":           "there is no key file that could be missing, and the answer is that of p13-server_error_token, which ServerError gives",
}
