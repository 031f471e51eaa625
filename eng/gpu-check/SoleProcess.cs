using Microsoft.ML.Generative.Training.Distributed;

namespace Microsoft.ML.Generative.GpuCheck;

/// <summary>A training in several processes that has one: there is nobody to send to, and a sum is the value itself.</summary>
internal sealed class SoleProcess : IProcessTransport
{
    public int Rank => 0;

    public int Size => 1;

    public bool LeavesProcessor
    {
        set
        {
        }
    }

    public bool TrySend(int rank, ReadOnlySpan<byte> bytes, TimeSpan timeout) => false;

    public bool TryReceive(int rank, Span<byte> bytes, TimeSpan timeout) => false;

    public bool TrySum(Span<float> values, TimeSpan timeout) => true;

    public bool TrySumInto(int rank, Span<float> values, TimeSpan timeout) => true;

    public bool TryBroadcast(int rank, Span<byte> bytes, TimeSpan timeout) => true;

    public void Abandon()
    {
    }

    public void Release()
    {
    }
}
