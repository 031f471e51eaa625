namespace Microsoft.ML.Generative.Training.Distributed;

/// <summary>Carries bytes between the processes of a training.</summary>
internal interface IProcessTransport
{
    /// <summary>The number of this process, from 0.</summary>
    int Rank { get; }

    /// <summary>The processes.</summary>
    int Size { get; }

    /// <summary>Whether it waits without keeping a processor busy: the training computes meanwhile.</summary>
    bool LeavesProcessor { set; }

    /// <summary>Sends bytes to another process, in order.</summary>
    /// <returns>Whether they have been sent within the time.</returns>
    bool TrySend(int rank, ReadOnlySpan<byte> bytes, TimeSpan timeout);

    /// <summary>Receives as many bytes as another process has sent at once.</summary>
    /// <returns>Whether they have come within the time.</returns>
    bool TryReceive(int rank, Span<byte> bytes, TimeSpan timeout);

    /// <summary>Replaces values by their sums over all processes, the same to the bit in all of them.</summary>
    /// <returns>Whether all processes have taken part within the time.</returns>
    bool TrySum(Span<float> values, TimeSpan timeout);

    /// <summary>Replaces the values of one process by their sums over all processes; those of the others stay as they are.</summary>
    /// <returns>Whether this process has done its part within the time.</returns>
    bool TrySumInto(int rank, Span<float> values, TimeSpan timeout);

    /// <summary>Replaces bytes by those of one process.</summary>
    /// <returns>Whether this process has done its part within the time.</returns>
    bool TryBroadcast(int rank, Span<byte> bytes, TimeSpan timeout);

    /// <summary>Nothing that was begun can be ended: the processes end when this one does.</summary>
    void Abandon();

    /// <summary>Leaves the processes to the next training.</summary>
    void Release();
}
