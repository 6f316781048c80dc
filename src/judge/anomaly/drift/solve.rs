//! Linear equations with a correlation matrix.

/// Solves `matrix · x = right` for a symmetric matrix by Cholesky's decomposition; none where it is singular.
pub fn solve(matrix: &[Vec<f64>], right: &[f64]) -> Option<Vec<f64>> {
    let mut lower: Vec<Vec<f64>> = Vec::with_capacity(matrix.len());
    let mut half = Vec::with_capacity(matrix.len());
    for (row, right) in matrix.iter().zip(right) {
        let mut line: Vec<f64> = Vec::with_capacity(lower.len() + 1);
        for (above, value) in lower.iter().zip(row) {
            let pivot = above.last()?;
            line.push((value - dot(above, &line)) / pivot);
        }
        let rest = row.get(lower.len())? - dot(&line, &line);
        // The correlation of a channel with itself is 1; what is left of it after all others is a share of that.
        if rest.is_nan() || rest <= 1e-9 {
            return None;
        }
        let pivot = rest.sqrt();
        half.push((right - dot(&line, &half)) / pivot);
        line.push(pivot);
        lower.push(line);
    }
    let mut solution = half;
    for (at, line) in lower.iter().enumerate().rev() {
        let value = solution.get(at)? / line.last()?;
        *solution.get_mut(at)? = value;
        for (earlier, factor) in solution.iter_mut().zip(line).take(at) {
            *earlier -= factor * value;
        }
    }
    Some(solution)
}

/// Over as many as both have.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_solution_solves() {
        let matrix = vec![vec![1.0, 0.5, 0.2], vec![0.5, 1.0, -0.3], vec![0.2, -0.3, 1.0]];
        let solution = solve(&matrix, &[1.0, -2.0, 0.5]).expect("not singular");
        for (row, right) in matrix.iter().zip([1.0, -2.0, 0.5]) {
            assert!((dot(row, &solution) - right).abs() < 1e-12, "{solution:?}");
        }
    }

    #[test]
    fn what_is_singular_has_no_solution() {
        assert_eq!(solve(&[vec![1.0, 1.0], vec![1.0, 1.0]], &[1.0, 2.0]), None);
        assert_eq!(solve(&[vec![f64::NAN]], &[1.0]), None);
    }
}
