This is ${name}.
