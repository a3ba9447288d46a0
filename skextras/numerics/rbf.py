"""Features of a Gaussian radial basis function network."""

import numpy as np

from skextras.numerics.rbf_linear import solve_lower

# exp(-700) is close to the smallest normal number: below it the exponential takes 29
# times as long, and so does every product with what it returns.
_LOWEST_EXPONENT = -700.0
# Coordinates whose squares do not overflow.
_LARGEST_COORDINATE = 1e150
# Value of the constant feature; its weight has the prior of the kernels' weights, which
# gives the constant a variance of 9 times theirs.
CONSTANT = 3.0
# A block of features that stays in the processor's cache. Nothing but the shapes may
# set the blocks: sums over others round differently, and the optimiser would amplify
# that to visible differences.
_BLOCK_BYTES = 2**22


def gaussian_kernel(z, z_centers, out=None):
    """Compute Gaussian kernels between rows and centres, by one matrix product.

    Parameters
    ----------
    z : ndarray of shape (n_rows, n_coordinates)
        The rows, in coordinates in which all kernels have width 1.

    z_centers : ndarray of shape (n_centers, n_coordinates)
        The centres, in the same coordinates.

    out : ndarray of shape (n_rows, n_centers), default=None
        Where to put the result.

    Returns
    -------
    kernel : ndarray of shape (n_rows, n_centers)
        ``exp(-|z - c|**2 / 2)``, at least 1e-304.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.rbf import gaussian_kernel
    >>> gaussian_kernel(np.array([[0.0], [2.0]]), np.array([[0.0]])).round(3)
    array([[1.   ],
           [0.135]])
    """
    z, z_centers = _with_finite_squares(z), _with_finite_squares(z_centers)
    left = np.column_stack([z, -0.5 * np.einsum("ij,ij->i", z, z), np.ones(len(z))])
    squares = -0.5 * np.einsum("ij,ij->i", z_centers, z_centers)
    right = np.column_stack([z_centers, np.ones(len(z_centers)), squares])
    exponents = left @ right.T
    np.clip(exponents, _LOWEST_EXPONENT, 0.0, out=exponents)
    return np.exp(exponents, out=exponents if out is None else out)


def center_kernel(z_centers):
    """Compute Gaussian kernels between the centres, exactly symmetric.

    Parameters
    ----------
    z_centers : ndarray of shape (n_centers, n_coordinates)
        The centres.

    Returns
    -------
    kernel : ndarray of shape (n_centers, n_centers)
        The kernels, with a unit diagonal.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.rbf import center_kernel
    >>> center_kernel(np.array([[0.0], [2.0]])).round(3)
    array([[1.   , 0.135],
           [0.135, 1.   ]])
    """
    z_centers = _with_finite_squares(z_centers)
    exponents = z_centers @ z_centers.T
    halves = 0.5 * np.diagonal(exponents)
    exponents -= halves[:, None] + halves
    np.clip(exponents, _LOWEST_EXPONENT, 0.0, out=exponents)
    return np.exp(exponents, out=exponents)


def _with_finite_squares(z):
    return np.clip(z, -_LARGEST_COORDINATE, _LARGEST_COORDINATE)


def row_blocks(n_rows, n_columns):
    """Cut rows into blocks whose features stay in cache.

    Parameters
    ----------
    n_rows : int
        Number of rows.

    n_columns : int
        Number of features of a row.

    Returns
    -------
    blocks : list of slice
        The blocks, a function of the shapes alone.

    Examples
    --------
    >>> from skextras.numerics.rbf import row_blocks
    >>> row_blocks(1000, 1000)
    [slice(0, 524, None), slice(524, 1000, None)]
    """
    length = max(64, _BLOCK_BYTES // (8 * n_columns))
    starts = range(0, n_rows, length)
    return [slice(start, min(start + length, n_rows)) for start in starts]


def features(X, z, z_centers, linear_term):
    """Compute the features of rows: kernels, a constant, and the inputs.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        The inputs.

    z : ndarray of shape (n_rows, n_coordinates)
        Their coordinates, see `gaussian_kernel`.

    z_centers : ndarray of shape (n_centers, n_coordinates)
        The centres.

    linear_term : bool
        Whether the inputs themselves are features.

    Returns
    -------
    F : ndarray of shape (n_rows, n_columns)
        ``n_centers + 1`` columns, or ``n_centers + 1 + n_features``.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.rbf import features
    >>> X = np.array([[0.0], [2.0]])
    >>> features(X, X, X[:1], True).round(3)
    array([[1.   , 3.   , 0.   ],
           [0.135, 3.   , 2.   ]])
    """
    n_centers = len(z_centers)
    F = np.empty((len(X), n_columns(n_centers, X.shape[1], linear_term)))
    gaussian_kernel(z, z_centers, out=F[:, :n_centers])
    F[:, n_centers] = CONSTANT
    if linear_term:
        F[:, n_centers + 1 :] = X
    return F


def n_columns(n_centers, n_features, linear_term):
    """Count the features.

    Parameters
    ----------
    n_centers : int
        Number of centres.

    n_features : int
        Number of inputs.

    linear_term : bool
        Whether the inputs themselves are features.

    Returns
    -------
    n_columns : int
        The number of columns of `features`.

    Examples
    --------
    >>> from skextras.numerics.rbf import n_columns
    >>> n_columns(10, 3, True), n_columns(10, 3, False)
    (14, 11)
    """
    return n_centers + 1 + (n_features if linear_term else 0)


class Design:
    """Features of weighted training rows, kept where they fit and else made again.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        The inputs.

    weights : ndarray of shape (n_rows,)
        Positive weights of the rows.

    n_centers : int
        Number of centres.

    linear_term : bool
        Whether the inputs themselves are features.

    max_bytes : float
        Bytes up to which the features of all rows are kept between two passes. It
        changes no digit.

    whiten : bool
        Whether `fill` gets a Cholesky factor to whiten the kernels by.

    Examples
    --------
    >>> import numpy as np
    >>> from skextras.numerics.rbf import Design
    >>> X, weights = np.array([[0.0], [2.0]]), np.array([1.0, 4.0])
    >>> design = Design(X, weights, 1, linear_term=False, max_bytes=0)
    >>> [design.fill(b, X, X[:1])[1].round(3) for b in design.blocks]
    [array([[1.   , 3.   ],
           [0.271, 6.   ]])]
    """

    def __init__(self, X, weights, n_centers, *, linear_term, max_bytes, whiten=False):
        self.X, self.n_centers, self.linear_term = X, n_centers, linear_term
        self.root = None if np.all(weights == 1) else np.sqrt(weights)[:, None]
        width = n_columns(n_centers, X.shape[1], linear_term)
        self.blocks = row_blocks(len(X), width)
        n_bytes = 8 * len(X) * (width + (n_centers if whiten else 0))
        self.keeps = n_bytes <= max_bytes
        n_rows = len(X) if self.keeps else self.blocks[0].stop
        self._features = np.empty((n_rows, width))
        self._kernel = self._features[:, :n_centers]
        if whiten:
            self._kernel = np.empty((n_rows, n_centers))
        if self.keeps:
            for block in self.blocks:
                self._fill_tail(block)

    def weighted(self, rows, block):
        """Multiply rows of a block by the roots of their weights.

        Parameters
        ----------
        rows : ndarray of shape (n_block, n_columns)
            What to multiply.

        block : slice
            The block.

        Returns
        -------
        rows : ndarray of shape (n_block, n_columns)
            The product, or `rows` itself if all weights are 1.
        """
        return rows if self.root is None else rows * self.root[block]

    def fill(self, block, z, z_centers, whitener=None):
        """Compute the features of a block, times the roots of the weights.

        Parameters
        ----------
        block : slice
            One of `blocks`.

        z : ndarray of shape (n_rows, n_coordinates)
            Coordinates of all rows.

        z_centers : ndarray of shape (n_centers, n_coordinates)
            The centres.

        whitener : ndarray of shape (n_centers, n_centers) or None
            Lower triangle, Fortran-ordered; the features are then the kernels times
            its inverse transpose.

        Returns
        -------
        kernel : ndarray of shape (n_block, n_centers)
            The kernels, which the next call may overwrite.

        F : ndarray of shape (n_block, n_columns)
            All features, which the next call may overwrite.
        """
        kernel, F = self._views(block)
        gaussian_kernel(z[block], z_centers, out=kernel)
        if self.root is not None:
            kernel *= self.root[block]
        if whitener is not None:
            F[:, : self.n_centers] = solve_lower(whitener, kernel.T).T
        if not self.keeps:
            self._fill_tail(block)
        return kernel, F

    def again(self, block, z, z_centers, whitener=None):
        """Return what `fill` has returned for a block.

        Parameters
        ----------
        block : slice
            One of `blocks`.

        z : ndarray of shape (n_rows, n_coordinates)
            Coordinates of all rows.

        z_centers : ndarray of shape (n_centers, n_coordinates)
            The centres.

        whitener : ndarray of shape (n_centers, n_centers) or None
            As in `fill`.

        Returns
        -------
        kernel : ndarray of shape (n_block, n_centers)
            The kernels.

        F : ndarray of shape (n_block, n_columns)
            All features.
        """
        if self.keeps:
            return self._views(block)
        return self.fill(block, z, z_centers, whitener)

    def _views(self, block):
        rows = block if self.keeps else slice(block.stop - block.start)
        return self._kernel[rows], self._features[rows]

    def _fill_tail(self, block):
        _, F = self._views(block)
        F[:, self.n_centers] = CONSTANT
        if self.linear_term:
            F[:, self.n_centers + 1 :] = self.X[block]
        if self.root is not None:
            F[:, self.n_centers :] *= self.root[block]
