print("continuo-bench")
