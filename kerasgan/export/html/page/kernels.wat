;; The matrix product of the page, c = max(x, slope x) of x = a b + bias, in float32, four numbers at a time.
;;
;; `wat2wasm kernels.wat -o kernels.wasm` compiles it (docs/development.md); a test compares the two files.
;; All addresses and steps are in bytes; the memory is the page's.
;;
;; a: a matrix that need not be stored as one, so that a convolution reads its patches where they lie. Row i begins at
;;    a + (i / width) * line + (i % width) * pixel, and consists of `runs` runs of `length` numbers, `run` bytes apart.
;; b: (runs * length, columns) in panels of 8 columns, padded with zeros: panel after panel, each row by row.
;; c: row i begins at c + i * step. Panels are computed from the last to the first, and rows in their order, and every
;;    store is 8 numbers wide: what the last panel writes beyond its columns, the next row or the first panel replaces.
;;    Beyond the last row, c needs room for 7 more numbers.
(module
  (import "page" "memory" (memory 1))

  ;; The address of a row of a. Rows beyond the last one are the last one again.
  (func $row (param $i i32) (param $rows i32) (param $a i32) (param $width i32) (param $pixel i32) (param $line i32)
    (result i32)
    (local.set $i (select (local.get $i) (i32.sub (local.get $rows) (i32.const 1))
                          (i32.lt_u (local.get $i) (local.get $rows))))
    (i32.add (local.get $a)
      (i32.add (i32.mul (i32.div_u (local.get $i) (local.get $width)) (local.get $line))
               (i32.mul (i32.rem_u (local.get $i) (local.get $width)) (local.get $pixel)))))

  ;; max(x, slope x): a leaky ReLU; slope 0 is ReLU, slope 1 leaves x as it is.
  (func $leaky (param $x v128) (param $slope v128) (result v128)
    (f32x4.pmax (local.get $x) (f32x4.mul (local.get $x) (local.get $slope))))

  (func (export "matmul")
    (param $a i32) (param $width i32) (param $pixel i32) (param $line i32)
    (param $runs i32) (param $length i32) (param $run i32)
    (param $b i32) (param $bias i32) (param $c i32) (param $step i32)
    (param $rows i32) (param $columns i32) (param $slope f32)
    (local $panel i32) (local $size i32) (local $i i32) (local $r i32) (local $p i32) (local $end i32)
    (local $a0 i32) (local $a1 i32) (local $a2 i32) (local $a3 i32) (local $to i32) (local $last i32)
    (local $b0 v128) (local $b1 v128) (local $x v128) (local $s v128)
    (local $c00 v128) (local $c01 v128) (local $c10 v128) (local $c11 v128)
    (local $c20 v128) (local $c21 v128) (local $c30 v128) (local $c31 v128)
    (local.set $s (f32x4.splat (local.get $slope)))
    (local.set $size (i32.mul (i32.mul (local.get $runs) (local.get $length)) (i32.const 32)))
    (local.set $panel (i32.div_u (i32.add (local.get $columns) (i32.const 7)) (i32.const 8)))
    (loop $panels
      (local.set $panel (i32.sub (local.get $panel) (i32.const 1)))
      (local.set $i (i32.const 0))
      (loop $blocks
        (local.set $a0 (call $row (local.get $i) (local.get $rows)
          (local.get $a) (local.get $width) (local.get $pixel) (local.get $line)))
        (local.set $a1 (call $row (i32.add (local.get $i) (i32.const 1)) (local.get $rows)
          (local.get $a) (local.get $width) (local.get $pixel) (local.get $line)))
        (local.set $a2 (call $row (i32.add (local.get $i) (i32.const 2)) (local.get $rows)
          (local.get $a) (local.get $width) (local.get $pixel) (local.get $line)))
        (local.set $a3 (call $row (i32.add (local.get $i) (i32.const 3)) (local.get $rows)
          (local.get $a) (local.get $width) (local.get $pixel) (local.get $line)))
        (local.set $p (i32.add (local.get $b) (i32.mul (local.get $panel) (local.get $size))))
        (local.set $to (i32.add (local.get $bias) (i32.mul (local.get $panel) (i32.const 32))))
        (local.set $c00 (v128.load (local.get $to)))
        (local.set $c01 (v128.load offset=16 (local.get $to)))
        (local.set $c10 (local.get $c00))
        (local.set $c11 (local.get $c01))
        (local.set $c20 (local.get $c00))
        (local.set $c21 (local.get $c01))
        (local.set $c30 (local.get $c00))
        (local.set $c31 (local.get $c01))
        (local.set $r (local.get $runs))
        (loop $each_run
          (local.set $end (i32.add (local.get $p) (i32.shl (local.get $length) (i32.const 5))))
          (loop $numbers
            (local.set $b0 (v128.load (local.get $p)))
            (local.set $b1 (v128.load offset=16 (local.get $p)))
            (local.set $x (v128.load32_splat (local.get $a0)))
            (local.set $c00 (f32x4.add (local.get $c00) (f32x4.mul (local.get $x) (local.get $b0))))
            (local.set $c01 (f32x4.add (local.get $c01) (f32x4.mul (local.get $x) (local.get $b1))))
            (local.set $x (v128.load32_splat (local.get $a1)))
            (local.set $c10 (f32x4.add (local.get $c10) (f32x4.mul (local.get $x) (local.get $b0))))
            (local.set $c11 (f32x4.add (local.get $c11) (f32x4.mul (local.get $x) (local.get $b1))))
            (local.set $x (v128.load32_splat (local.get $a2)))
            (local.set $c20 (f32x4.add (local.get $c20) (f32x4.mul (local.get $x) (local.get $b0))))
            (local.set $c21 (f32x4.add (local.get $c21) (f32x4.mul (local.get $x) (local.get $b1))))
            (local.set $x (v128.load32_splat (local.get $a3)))
            (local.set $c30 (f32x4.add (local.get $c30) (f32x4.mul (local.get $x) (local.get $b0))))
            (local.set $c31 (f32x4.add (local.get $c31) (f32x4.mul (local.get $x) (local.get $b1))))
            (local.set $a0 (i32.add (local.get $a0) (i32.const 4)))
            (local.set $a1 (i32.add (local.get $a1) (i32.const 4)))
            (local.set $a2 (i32.add (local.get $a2) (i32.const 4)))
            (local.set $a3 (i32.add (local.get $a3) (i32.const 4)))
            (local.set $p (i32.add (local.get $p) (i32.const 32)))
            (br_if $numbers (i32.ne (local.get $p) (local.get $end))))
          ;; From the end of this run to the begin of the next.
          (local.set $end (i32.sub (local.get $run) (i32.shl (local.get $length) (i32.const 2))))
          (local.set $a0 (i32.add (local.get $a0) (local.get $end)))
          (local.set $a1 (i32.add (local.get $a1) (local.get $end)))
          (local.set $a2 (i32.add (local.get $a2) (local.get $end)))
          (local.set $a3 (i32.add (local.get $a3) (local.get $end)))
          (local.set $r (i32.sub (local.get $r) (i32.const 1)))
          (br_if $each_run (local.get $r)))
        ;; Store in the order of the rows; the last row stands in for those beyond it.
        (local.set $last (i32.add (i32.add (local.get $c) (i32.shl (local.get $panel) (i32.const 5)))
                                  (i32.mul (i32.sub (local.get $rows) (i32.const 1)) (local.get $step))))
        (local.set $to (i32.add (i32.add (local.get $c) (i32.shl (local.get $panel) (i32.const 5)))
                                (i32.mul (local.get $i) (local.get $step))))
        (v128.store (local.get $to) (call $leaky (local.get $c00) (local.get $s)))
        (v128.store offset=16 (local.get $to) (call $leaky (local.get $c01) (local.get $s)))
        (local.set $to (i32.add (local.get $to) (local.get $step)))
        (local.set $to (select (local.get $to) (local.get $last) (i32.lt_u (local.get $to) (local.get $last))))
        (v128.store (local.get $to) (call $leaky (local.get $c10) (local.get $s)))
        (v128.store offset=16 (local.get $to) (call $leaky (local.get $c11) (local.get $s)))
        (local.set $to (i32.add (local.get $to) (local.get $step)))
        (local.set $to (select (local.get $to) (local.get $last) (i32.lt_u (local.get $to) (local.get $last))))
        (v128.store (local.get $to) (call $leaky (local.get $c20) (local.get $s)))
        (v128.store offset=16 (local.get $to) (call $leaky (local.get $c21) (local.get $s)))
        (local.set $to (i32.add (local.get $to) (local.get $step)))
        (local.set $to (select (local.get $to) (local.get $last) (i32.lt_u (local.get $to) (local.get $last))))
        (v128.store (local.get $to) (call $leaky (local.get $c30) (local.get $s)))
        (v128.store offset=16 (local.get $to) (call $leaky (local.get $c31) (local.get $s)))
        (local.set $i (i32.add (local.get $i) (i32.const 4)))
        (br_if $blocks (i32.lt_u (local.get $i) (local.get $rows))))
      (br_if $panels (local.get $panel)))))
