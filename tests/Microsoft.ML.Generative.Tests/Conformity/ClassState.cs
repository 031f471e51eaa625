namespace Microsoft.ML.Generative.Tests;

/// <summary>
/// What the tests of a class share: the first one that needs it makes it, and the fixture disposes of it with the class. Classes run one
/// after another.
/// </summary>
internal sealed class ClassState : IDisposable
{
    private static IDisposable? _now;

    public static TState Of<TState>(Func<TState> create)
        where TState : class, IDisposable
    {
        _now ??= create();
        return (TState)_now;
    }

    public void Dispose()
    {
        _now?.Dispose();
        _now = null;
    }
}
