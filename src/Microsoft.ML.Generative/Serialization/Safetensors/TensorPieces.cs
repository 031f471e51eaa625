using TorchSharp;

namespace Microsoft.ML.Generative.Serialization.Safetensors;

/// <summary>Moves the bytes of tensors of any size, layout and device in row-major order, piece by piece.</summary>
internal static class TensorPieces
{
    /// <summary>More than spans can hold is cut; so is what would otherwise need a second copy of a whole tensor.</summary>
    public const int DefaultPieceBytes = 1 << 26;

    /// <summary>Fills one stretch of native memory with the bytes that come next.</summary>
    public delegate void Fill(Span<byte> bytes);

    /// <summary>Takes the bytes that come next.</summary>
    public delegate void Take(ReadOnlySpan<byte> bytes);

    public static void Write(torch.Tensor tensor, Take take, int pieceBytes = DefaultPieceBytes) => Visit(tensor, pieceBytes, piece =>
    {
        using torch.Tensor here = piece.contiguous();
        using torch.Tensor there = here.cpu();
        take(there.bytes);
    });

    public static void Read(torch.Tensor tensor, Fill fill, int pieceBytes = DefaultPieceBytes) => Visit(tensor, pieceBytes, piece =>
    {
        if (piece.device_type == DeviceType.CPU && piece.is_contiguous())
        {
            fill(piece.bytes);
            return;
        }

        using torch.Tensor staged = torch.empty(piece.shape, piece.dtype, torch.CPU);
        fill(staged.bytes);
        piece.copy_(staged);
    });

    private static void Visit(torch.Tensor tensor, int pieceBytes, Action<torch.Tensor> visit)
    {
        using var scope = torch.NewDisposeScope();
        using var noGrad = torch.no_grad();
        torch.Tensor plain = tensor.detach();
        VisitDown(plain.is_contiguous() ? plain.view(-1) : plain, pieceBytes, visit);
    }

    private static void VisitDown(torch.Tensor tensor, int pieceBytes, Action<torch.Tensor> visit)
    {
        if (tensor.NumberOfElements == 0)
            return;

        if (tensor.dim() == 0 || tensor.NumberOfElements <= pieceBytes / tensor.ElementSize)
        {
            visit(tensor);
            return;
        }

        long rows = tensor.shape[0];
        long rowBytes = tensor.NumberOfElements / rows * tensor.ElementSize;
        long step = Math.Max(1, pieceBytes / rowBytes);
        for (long row = 0; row < rows; row += step)
        {
            using torch.Tensor slice = tensor.narrow(0, row, Math.Min(step, rows - row));
            if (step > 1 || tensor.dim() == 1)
            {
                visit(slice);
                continue;
            }

            using torch.Tensor only = slice.squeeze(0);
            VisitDown(only, pieceBytes, visit);
        }
    }
}
