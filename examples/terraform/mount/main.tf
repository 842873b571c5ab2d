# The mount, its config and two roles, with the generic resources of the Vault
# provider. Written from their documentation (provider 5); the tests of this
# repository make and destroy them in Terraform's order, with live credentials.
#
# The plugin is registered already. The secrets are stored in Terraform's state:
# keep that as one keeps a password, or write config and roles by hand.

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

# Secrets are never read back: ignore_absent_fields keeps Terraform from taking
# that for a change. Times are seconds, as they are read back.
resource "vault_generic_endpoint" "config" {
  path                 = "${vault_mount.processmaker.path}/config"
  ignore_absent_fields = true
  data_json = jsonencode({
    url           = var.url
    client_id     = "3"
    client_secret = var.client_secret
  })
}

# depends_on, so that roles are made after the config and destroyed before it.
# What has been handed out ends with the mount, which is destroyed last.
resource "vault_generic_endpoint" "ci" {
  path                 = "${vault_mount.processmaker.path}/roles/ci"
  ignore_absent_fields = true
  data_json = jsonencode({
    username = "vault-ci"
    password = var.password
    ttl      = 3600
    max_ttl  = 86400
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
