namespace Microsoft.ML.Generative;

/// <summary>
/// How the matrices of a <see cref="LoraOptions">low-rank adapter</see> begin. The model's outputs are unchanged at the start in each
/// case.
/// </summary>
public enum LoraInitialization
{
    /// <summary>A as PyTorch initializes a linear layer (Kaiming uniform with a = √5), B zero.</summary>
    Default,

    /// <summary>A normal with standard deviation 1 / rank, B zero.</summary>
    Gaussian,

    /// <summary>
    /// The principal singular vectors and values of the weight (PiSSA; Meng, Wang, Zhang 2024). After the training, the adapter is an
    /// ordinary one of
    /// twice the rank.
    /// </summary>
    Pissa,

    /// <summary>
    /// An orthonormal basis of the weight by QR decomposition (OLoRA; Büyükakyüz 2024). After the training, the adapter is an ordinary
    /// one of twice
    /// the rank.
    /// </summary>
    Olora,

    /// <summary>A and B both random, with orthogonal row spaces, so that their product is zero. Needs an even rank.</summary>
    Orthogonal,
}
