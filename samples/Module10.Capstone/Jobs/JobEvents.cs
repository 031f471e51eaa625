using System.Threading.Channels;

namespace Module10.Jobs;

/// <summary>What a running piece of work reports to its visitor; sending never waits for the network.</summary>
/// <param name="cancellation">Signaled when the visitor leaves or the application stops.</param>
internal sealed class JobEvents(CancellationToken cancellation)
{
    private readonly Channel<(string Name, object Data)> _channel =
        Channel.CreateUnbounded<(string Name, object Data)>(new UnboundedChannelOptions { SingleReader = true });

    public CancellationToken Cancellation => cancellation;

    /// <summary>Sends an event, whose data become JSON.</summary>
    public void Send(string name, object data) => _channel.Writer.TryWrite((name, data));

    /// <summary>Reports that no event follows.</summary>
    public void Complete() => _channel.Writer.TryComplete();

    /// <summary>All events, as they come.</summary>
    public IAsyncEnumerable<(string Name, object Data)> ReadAllAsync() => _channel.Reader.ReadAllAsync(cancellation);
}
