using System.Collections.Concurrent;

namespace Module10.Sessions;

/// <summary>What belongs to one visitor: nobody else sees it, and it is dropped when the visitor stays away.</summary>
/// <param name="id">The identifier in the visitor's cookie.</param>
internal sealed class Session(string id) : IDisposable
{
    private readonly ConcurrentDictionary<Type, Lazy<IDisposable>> _parts = new();

    public string Id => id;

    /// <summary>When the visitor asked for something last.</summary>
    public DateTimeOffset LastSeen { get; set; }

    /// <summary>When work of the visitor began last, in the order of the queue; 0: never. The queue's own.</summary>
    public long LastTurn { get; set; }

    /// <summary>Whether work of the visitor is running. The queue's own.</summary>
    public bool IsWorking { get; set; }

    /// <summary>Requests of the visitor that are being served.</summary>
    public int Requests;

    /// <summary>What a room keeps of the visitor.</summary>
    public T Part<T>()
        where T : class, IDisposable, new() => (T)_parts.GetOrAdd(typeof(T), _ => new Lazy<IDisposable>(() => new T())).Value;

    public void Dispose()
    {
        foreach (Lazy<IDisposable> part in _parts.Values)
        {
            if (part.IsValueCreated)
                part.Value.Dispose();
        }
    }
}
