using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Training.Distributed;

/// <summary>Carries tensors through the CPU's memory, by what carries bytes.</summary>
internal sealed class TransportExchange(IProcessTransport transport, TimeSpan timeout) : ITensorExchange
{
    // MPI's reductions are fastest in pieces that fit the caches.
    private const int PieceLength = 1 << 20;

    public bool IsSynchronous => true;

    public nint Mark() => 0;

    // Copying to the CPU waits for the device.
    public void After(nint mark)
    {
    }

    public void Sum(torch.Tensor tensor)
    {
        if (transport.Size == 1)
            return;
        using DisposeScope scope = torch.NewDisposeScope();
        // Of a contiguous tensor on the CPU this is the tensor itself.
        torch.Tensor values = tensor.detach().cpu().contiguous();
        ForEachPiece(values, 0, static (t, _, piece, limit) => t.TrySum(MemoryMarshal.Cast<byte, float>(piece), limit));
        if (values.device_type != tensor.device_type || !tensor.is_contiguous())
            tensor.copy_(values);
    }

    public void SumIntoOwners(IReadOnlyList<torch.Tensor> parts) => ForEachOwner(
        parts.Index(), isSource: false, static (t, owner, piece, limit) =>
            t.TrySumInto(owner, MemoryMarshal.Cast<byte, float>(piece), limit));

    public void Broadcast(IEnumerable<(int Owner, torch.Tensor Values)> tensors) => ForEachOwner(
        tensors, isSource: true, static (t, owner, piece, limit) => t.TryBroadcast(owner, piece, limit));

    public void Complete()
    {
    }

    public void Dispose()
    {
    }

    private void ForEachOwner(IEnumerable<(int Owner, torch.Tensor Values)> tensors, bool isSource, PieceAction act)
    {
        if (transport.Size == 1)
            return;
        foreach ((int owner, torch.Tensor tensor) in tensors)
        {
            using DisposeScope scope = torch.NewDisposeScope();
            torch.Tensor values = tensor.detach().cpu().contiguous();
            ForEachPiece(values, owner, act);
            bool isCopy = values.device_type != tensor.device_type || !tensor.is_contiguous();
            if (isCopy && (owner == transport.Rank) != isSource)
                tensor.copy_(values);
        }
    }

    private unsafe void ForEachPiece(torch.Tensor values, int owner, PieceAction act)
    {
        long bytes = values.numel() * values.element_size();
        if (bytes == 0)
            return;
        byte* start = TensorMemory.Start(values.view(-1));
        for (long done = 0; done < bytes; done += PieceLength * sizeof(float))
        {
            var piece = new Span<byte>(start + done, (int)Math.Min(PieceLength * sizeof(float), bytes - done));
            if (!act(transport, owner, piece, timeout))
            {
                throw new TimeoutException(string.Create(
                    CultureInfo.InvariantCulture,
                    $"A process of the training has not answered for {timeout.TotalSeconds:0.###} s while values were exchanged."));
            }
        }
    }

    private delegate bool PieceAction(IProcessTransport transport, int owner, Span<byte> piece, TimeSpan timeout);
}
