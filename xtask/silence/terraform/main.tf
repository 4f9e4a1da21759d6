variable "password" {
  type      = string
  sensitive = true
}

resource "terraform_data" "shop" {
  input = { name = "shop", password = var.password }
}

output "name" {
  value = nonsensitive(terraform_data.shop.output.name)
}
