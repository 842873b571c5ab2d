package processmakertest_test

import (
	"time"

	"vault-plugin-secrets-processmaker/client/processmakertest"
)

// year is longer than any token lives.
const year = 367 * 24 * time.Hour

// asIs is for recordings that need nothing but the data set of the start.
var asIs = replay{}

// replays are the recordings that the double is held against.
var replays = map[string]replay{
	"password_deleted_user":             asIs,
	"password_empty_username":           asIs,
	"password_in_query_string":          asIs,
	"password_inactive_user":            asIs,
	"password_missing_password":         asIs,
	"password_missing_username":         asIs,
	"password_new_after_change":         {prepare: aliceChanged},
	"password_ok_basic_form":            {prepare: basicOf(3)},
	"password_ok_client_id_number":      asIs,
	"password_ok_form":                  asIs,
	"password_ok_json":                  asIs,
	"password_ok_no_accept":             asIs,
	"password_ok_normal_user":           asIs,
	"password_ok_scope_star":            asIs,
	"password_old_after_change":         {prepare: aliceChanged},
	"password_scope_array":              asIs,
	"password_unknown_scope":            asIs,
	"password_user_past_expires_at":     asIs,
	"password_username_other_case":      asIs,
	"password_username_with_spaces":     asIs,
	"password_wrong_password":           asIs,
	"password_wrong_password_no_accept": asIs,

	"client_auth_code_client_password_grant": asIs,
	"client_id_with_letters_after_number":    asIs,
	"client_missing_id":                      asIs,
	"client_missing_secret":                  asIs,
	"client_revoked":                         asIs,
	"client_unknown_id":                      asIs,
	"client_wrong_secret":                    asIs,
	"client_wrong_secret_basic": {prepare: func(*stage) script {
		return script{"BASIC": basic("3", "wrong")}
	}},

	"empty_body":                     asIs,
	"get_token_endpoint":             asIs,
	"json_body_without_content_type": asIs,
	"malformed_json":                 asIs,
	"missing_grant_type":             asIs,
	"no_introspect_endpoint":         asIs,
	"no_metadata_endpoint":           asIs,
	"no_revoke_endpoint":             asIs,
	"token_endpoint_trailing_slash":  asIs,
	"unsupported_grant_type":         asIs,
	"unsupported_grant_type_device":  asIs,
	"untrusted_host_header":          asIs,

	"client_credentials_ok":              asIs,
	"client_credentials_password_client": asIs,
	"personal_access_grant_over_http":    asIs,

	"refresh_after_password_change": {prepare: func(s *stage) script {
		old := s.login("alice")
		s.server.SetPassword("alice", "New-Passw0rd!")
		return script{"REFRESH_TOKEN": old.refresh}
	}},
	"refresh_after_server_error": {prepare: func(s *stage) script {
		values := oldRefresh(s)
		s.server.Inject(processmakertest.Fault{On: processmakertest.RefreshGrant, Do: processmakertest.ServerError()})
		s.grant(refreshFields(values["OLD_REFRESH_TOKEN"]))
		return values
	}},
	"refresh_after_token_deleted": {prepare: func(s *stage) script {
		old := s.login("admin")
		s.api("DELETE", "users/1/tokens/"+old.jti, old.access, "")
		return script{"REFRESH_TOKEN": old.refresh}
	}},
	"refresh_after_user_deleted": {prepare: func(s *stage) script {
		old := s.login("forcechange")
		s.server.DeleteUser("forcechange")
		return script{"REFRESH_TOKEN": old.refresh}
	}},
	"refresh_again_after_half_way_failure": {prepare: func(s *stage) script {
		values := brokenRefresh(s)
		s.grant(refreshFields(values["OLD_REFRESH_TOKEN"]))
		return values
	}},
	"refresh_client_id_number": {prepare: oldRefresh},
	"refresh_concurrent_both_win": {together: true, prepare: func(s *stage) script {
		s.server.Inject(processmakertest.Fault{On: processmakertest.RefreshGrant, Do: processmakertest.MeetRefresh(2)})
		return oldRefresh(s)
	}},
	"refresh_expired": {prepare: func(s *stage) script {
		old := s.login("admin")
		s.clock.Advance(year)
		return script{"EXPIRED_REFRESH_TOKEN": old.refresh}
	}},
	"refresh_fails_half_way": {prepare: brokenRefresh},
	"refresh_garbage":        asIs,
	"refresh_missing_token":  asIs,
	"refresh_new_token_after_reuse": {prepare: func(s *stage) script {
		old := s.login("admin")
		next := s.refresh(old.refresh)
		s.grant(refreshFields(old.refresh))
		return script{"REFRESH_TOKEN": next.refresh}
	}},
	"refresh_ok_basic_form": {prepare: func(s *stage) script {
		values := basicOf(3)(s)
		values["OLD_REFRESH_TOKEN"] = s.login("admin").refresh
		return values
	}},
	"refresh_ok_json":      {prepare: oldRefresh},
	"refresh_other_client": {prepare: oldRefresh},
	"refresh_reuse_used": {prepare: func(s *stage) script {
		values := oldRefresh(s)
		s.refresh(values["OLD_REFRESH_TOKEN"])
		return values
	}},
	"refresh_scope_empty": {prepare: func(s *stage) script {
		f := s.passwordFields("admin")
		f["scope"] = "*"
		return script{"OLD_REFRESH_TOKEN": s.pairOf(s.grant(f)).refresh}
	}},
	"refresh_scope_wider":        {prepare: oldRefresh},
	"refresh_token_with_newline": {prepare: oldRefresh},

	"authorize_approved":           {prepare: approvePageOpen},
	"authorize_redirects_to_login": {prepare: withState},
	"authorize_skips_approval": {prepare: func(s *stage) script {
		s.pairOf(s.exchange(code(s)["AUTH_CODE"], nil))
		return signedIn(s)
	}},
	"authorize_unknown_client":     {prepare: signedIn},
	"authorize_unknown_scope":      {prepare: signedIn},
	"authorize_wrong_redirect_uri": {prepare: signedIn},

	"authorization_code_garbage":      asIs,
	"authorization_code_missing_code": asIs,
	"authorization_code_no_redirect_uri_at_all": {prepare: func(s *stage) script {
		return script{"AUTH_CODE": s.server.AuthorizationCode(processmakertest.Approval{ClientID: 2, Username: "admin"})}
	}},
	"authorization_code_ok": {prepare: code},
	"authorization_code_ok_after_failures": {prepare: func(s *stage) script {
		values := code(s)
		s.grant(fields{"grant_type": "authorization_code", "client_id": "2", "code": values["AUTH_CODE"], "redirect_uri": "http://127.0.0.1:8250/other"})
		s.grant(fields{"grant_type": "authorization_code", "client_id": "5", "code": values["AUTH_CODE"]})
		return values
	}},
	"authorization_code_other_client_confidential": {prepare: code},
	"authorization_code_pkce_missing_verifier":     {prepare: codeWithProof},
	"authorization_code_pkce_ok":                   {prepare: codeWithProof},
	"authorization_code_pkce_wrong_verifier":       {prepare: codeWithProof},
	"authorization_code_reuse": {prepare: func(s *stage) script {
		values := code(s)
		s.pairOf(s.grant(fields{"grant_type": "authorization_code", "client_id": "2", "code": values["AUTH_CODE"], "redirect_uri": redirectURI}))
		return values
	}},
	"authorization_code_wrong_redirect_uri": {prepare: code},
	"authorization_code_wrong_secret":       {prepare: code},

	"api_access_token_after_password_change": {prepare: func(s *stage) script {
		token := s.login("alice")
		s.server.SetPassword("alice", "New-Passw0rd!")
		return script{"ACCESS_TOKEN": token.access}
	}},
	"api_after_refresh_of_deleted_user": {prepare: func(s *stage) script {
		old := s.login("forcechange")
		s.server.DeleteUser("forcechange")
		return script{"ACCESS_TOKEN": s.refresh(old.refresh).access}
	}},
	"api_after_token_deleted": {prepare: func(s *stage) script {
		token := s.login("admin")
		s.api("DELETE", "users/1/tokens/"+token.jti, token.access, "")
		return script{"ACCESS_TOKEN": token.access}
	}},
	"api_bad_signature": {prepare: tampered},
	"api_client_credentials_token": {prepare: func(s *stage) script {
		token := s.pairOf(s.grant(fields{"grant_type": "client_credentials", "client_id": "2"}))
		return script{"ACCESS_TOKEN": token.access}
	}},
	"api_expired_token": {prepare: func(s *stage) script {
		token := s.login("admin")
		s.clock.Advance(year)
		return script{"EXPIRED_ACCESS_TOKEN": token.access}
	}},
	"api_garbage_token":        asIs,
	"api_inactive_user_token":  {prepare: tokenOf("inactive")},
	"api_no_token":             asIs,
	"api_no_token_accept_html": asIs,
	"api_no_token_no_accept":   asIs,
	"api_old_access_token_after_refresh": {prepare: func(s *stage) script {
		old := s.login("admin")
		s.refresh(old.refresh)
		return script{"OLD_ACCESS_TOKEN": old.access}
	}},
	"api_refresh_token_as_bearer": {prepare: func(s *stage) script {
		return script{"REFRESH_TOKEN": s.login("admin").refresh}
	}},
	"api_route_not_found":          {prepare: tokenOf("admin")},
	"api_route_not_found_no_token": asIs,
	"api_token_after_client_revoked": {prepare: func(s *stage) script {
		f := s.passwordFields("admin")
		f["client_id"] = "4"
		token := s.pairOf(s.grant(f))
		s.server.RevokeClient(4)
		return script{"ACCESS_TOKEN": token.access}
	}},
	"api_token_after_user_made_inactive": {prepare: func(s *stage) script {
		s.server.SetPassword("alice", "New-Passw0rd!")
		token := s.login("alice")
		s.server.SetStatus("alice", "INACTIVE")
		return script{"ACCESS_TOKEN": token.access}
	}},
	"api_user_id_not_a_number": {prepare: tokenOf("admin")},
	"api_user_not_found":       {prepare: tokenOf("admin")},
	"api_user_show_ok":         {prepare: tokenOf("admin")},
	"api_user_show_self":       {prepare: tokenOf("alice")},
	"api_users_forbidden":      {prepare: tokenOf("alice")},
	"api_users_ok":             {prepare: tokenOf("admin")},
	"user_put_missing_fields":  {prepare: tokenOf("admin")},
	"user_put_new_password":    {prepare: tokenOf("admin")},

	"passport_tokens_delete_with_bearer": {prepare: tokenOf("admin")},
	"passport_tokens_list_with_bearer":   {prepare: tokenOf("admin")},
	"pat_create_for_admin_by_normal":     {prepare: tokenOf("alice")},
	"pat_create_for_other_by_admin":      {prepare: tokenOf("admin")},
	"pat_create_malformed_json":          {prepare: tokenOf("admin")},
	"pat_create_no_name":                 {prepare: tokenOf("admin")},
	"pat_create_scope_star":              {prepare: tokenOf("admin")},
	"pat_create_self_admin":              {prepare: tokenOf("admin")},
	"pat_create_unknown_user":            {prepare: tokenOf("admin")},
	"pat_delete":                         {prepare: personalToken},
	"pat_delete_again":                   {prepare: deletedPersonalToken},
	"pat_list":                           {prepare: personalToken},
	"pat_show":                           {prepare: personalToken},
	"pat_show_after_delete":              {prepare: deletedPersonalToken},
	"pat_used":                           {prepare: personalToken},
	"pat_used_after_delete":              {prepare: deletedPersonalToken},
	"token_delete_again_with_other_token": {prepare: func(s *stage) script {
		gone := s.login("admin")
		s.api("DELETE", "users/1/tokens/"+gone.jti, gone.access, "")
		return script{"JTI": gone.jti, "ADMIN_ACCESS_TOKEN": s.login("admin").access}
	}},
	"token_delete_of_admin_by_normal": {prepare: func(s *stage) script {
		return script{"JTI": s.login("admin").jti, "OTHER_ACCESS_TOKEN": s.login("alice").access}
	}},
	"token_delete_of_other_by_admin": {prepare: func(s *stage) script {
		admin := s.login("admin")
		return script{"PAT_JTI": s.personal(admin, "2", "made by admin").jti, "ADMIN_ACCESS_TOKEN": admin.access}
	}},
	"token_delete_password_grant_token_by_itself": {prepare: tokenOf("admin")},
	"token_delete_unknown":                        {prepare: tokenOf("admin")},
	"token_show_password_grant_token":             {prepare: tokenOf("admin")},
	"token_show_unknown":                          {prepare: tokenOf("admin")},

	"throttle_api_not_affected":     {prepare: overTheLimit},
	"throttle_good_request_refused": {prepare: overTheLimit},
	"throttle_no_accept":            {prepare: overTheLimit},
	"throttle_sequence":             {left: map[int]int{2: 57}},

	"bad_gateway_token":              {prepare: withoutWorkers},
	"maintenance_api":                {prepare: inMaintenance},
	"maintenance_api_no_accept":      {prepare: inMaintenance},
	"maintenance_token":              {prepare: inMaintenance},
	"maintenance_token_no_accept":    {prepare: inMaintenance},
	"server_error_api":               {prepare: withoutDatabase},
	"server_error_token":             {prepare: withoutDatabase},
	"server_error_token_no_accept":   {prepare: withoutDatabase},
	"server_error_read_only_refresh": {prepare: withoutDatabase},
}

// outside are the recordings that the double does not answer, with the reason.
var outside = map[string]string{
	"cache_down_token":        "there is no cache that could fail; a test gives the answer, which lacks the throttle's headers, with Answer",
	"signing_key_missing_api": "there is no key file that could be missing, and the answer is that of api_user_show_ok",
}
