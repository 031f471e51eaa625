namespace Module10.Models;

/// <summary>Reports on the thread that trains or generates; .NET's own <see cref="Progress{T}"/> would report out of order.</summary>
internal sealed class InlineProgress<T>(Action<T> report) : IProgress<T>
{
    public void Report(T value) => report(value);
}
