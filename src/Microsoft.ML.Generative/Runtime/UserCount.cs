namespace Microsoft.ML.Generative.Runtime;

/// <summary>Keeps native memory until the last call that uses it has returned.</summary>
/// <param name="owner">The object that users call.</param>
/// <param name="memory">What is disposed of, if there is anything.</param>
internal sealed class UserCount(object owner, IDisposable? memory) : IDisposable
{
    private readonly Lock _lock = new();
    private int _users;
    private bool _isDisposed;

    /// <summary>Counts a user until the result is disposed of.</summary>
    /// <exception cref="ObjectDisposedException">The owner has been disposed of.</exception>
    public IDisposable Enter()
    {
        lock (_lock)
        {
            if (_isDisposed)
            {
                // Whoever keeps a model beside a PredictionEngine rarely knows that the two have one life.
                throw new ObjectDisposedException(
                    owner.GetType().FullName,
                    "The model has been disposed of. A PredictionEngine disposes of its model, unless it was created with the option "
                    + "OwnsTransformer = false.");
            }

            _users++;
        }

        return new User(this);
    }

    /// <summary>Refuses further users, and releases the memory when the last one has left.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_isDisposed)
                return;
            _isDisposed = true;
            if (_users > 0)
                return;
        }

        memory?.Dispose();
    }

    private void Leave()
    {
        lock (_lock)
        {
            if (--_users > 0 || !_isDisposed)
                return;
        }

        memory?.Dispose();
    }

    private sealed class User(UserCount count) : IDisposable
    {
        private UserCount? _count = count;

        public void Dispose() => Interlocked.Exchange(ref _count, null)?.Leave();
    }
}
