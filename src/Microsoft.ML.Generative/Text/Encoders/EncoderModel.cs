using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Text.Encoders;

/// <summary>An encoder with the head that makes something of its hidden states, if it has one.</summary>
internal sealed class EncoderModel : nn.Module
{
    /// <summary>The name of the head in those of its parameters.</summary>
    public const string HeadName = nameof(head);

    private readonly EncoderNetwork encoder;
    private readonly nn.Module? head;

    /// <param name="encoder">The encoder; it belongs to this network from now on.</param>
    /// <param name="head">The head, which belongs to this network from now on.</param>
    public EncoderModel(EncoderNetwork encoder, nn.Module? head)
        : base(nameof(EncoderModel))
    {
        (this.encoder, this.head) = (encoder, head);
        RegisterComponents();
    }

    public EncoderNetwork Encoder => encoder;

    public nn.Module? Head => head;
}
