# The mount, its config and two roles, with the generic resources of the Vault
# provider. The plugin has to be registered before.
#
# Terraform stores the secrets in its state. Protect the state like a password, or
# write config and roles without Terraform.

terraform {
  required_version = ">= 1.3"
  required_providers {
    vault = {
      source  = "hashicorp/vault"
      version = ">= 4.0"
    }
  }
}

variable "url" {
  description = "ProcessMaker's address."
  type        = string
}

variable "client_secret" {
  type      = string
  sensitive = true
}

variable "password" {
  type      = string
  sensitive = true
}

resource "vault_mount" "processmaker" {
  path = "processmaker"
  type = "vault-plugin-secrets-processmaker"
}

# Vault never returns a secret. With ignore_absent_fields Terraform does not take
# that for a change. Times are in seconds, as Vault returns them.
resource "vault_generic_endpoint" "config" {
  path                 = "${vault_mount.processmaker.path}/config"
  ignore_absent_fields = true
  data_json = jsonencode({
    url           = var.url
    client_id     = "3"
    client_secret = var.client_secret
  })
}

# With depends_on Terraform creates roles after the config, and destroys them before
# it. It destroys the mount last, and that revokes all tokens of the mount.
resource "vault_generic_endpoint" "ci" {
  path                 = "${vault_mount.processmaker.path}/roles/ci"
  ignore_absent_fields = true
  data_json = jsonencode({
    username   = "vault-ci"
    password   = var.password
    renew_mode = "none"
    ttl        = 3600
  })
  depends_on = [vault_generic_endpoint.config]
}

resource "vault_generic_endpoint" "jobs" {
  path                 = "${vault_mount.processmaker.path}/roles/jobs"
  ignore_absent_fields = true
  data_json = jsonencode({
    username        = "vault-jobs"
    password        = var.password
    credential_type = "personal_access_token"
    ttl             = 3600
    max_ttl         = 86400
  })
  depends_on = [vault_generic_endpoint.config]
}
